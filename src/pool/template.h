/* template.h - processes that have a filter loaded and fork workers on order (-E): one for each generation of
 * the filter that workers are started of. The forked workers are children of ours, not of the template's.
 *
 * An order may be given at once; it is carried out when the filter is loaded. When that fails the template
 * ends, and its orders fail with its last words. The protocol is in mimedefang-protocol(7). */
#ifndef DEFANG_POOL_TEMPLATE_H
#define DEFANG_POOL_TEMPLATE_H

#include "base/loop.h"
#include "pool/settings.h"
#include "pool/tail.h"

#include <sys/types.h>

struct templates;
struct template_order;

/* The end of an order: `pid` has been forked. Or it is 0, or -1 when a signal killed the template, and the
 * text says why in words that follow "worker"; `words` is what the template wrote to its standard error, or
 * NULL. Never called from within templates_order(). */
typedef void template_done_fn(pid_t pid, const char *why, const struct tail *words, void *arg);

/* None runs yet. NULL with errno set. */
struct templates *templates_new(struct loop *loop, const struct settings *settings);
void templates_free(struct templates *t); /* with their processes; NULL is allowed */

/* Have the filter of `generation` loaded, for orders to come. 0 or -errno. */
int templates_prepare(struct templates *t, unsigned generation);

/* Have a worker of `generation` forked; fds[i] becomes its descriptor i, the caller keeps its own. NULL with
 * errno set. */
struct template_order *templates_order(struct templates *t, unsigned generation, const int fds[], int n_fds,
				       template_done_fn *done, void *arg);

/* Nobody waits for the end of the order any more. */
void template_order_forget(struct template_order *o);

/* It has taken too long: end the template, with all its orders. */
void template_order_give_up(struct template_order *o);

/* End those of generations other than these two. */
void templates_retain(struct templates *t, unsigned generation, unsigned other);
void templates_end(struct templates *t); /* all */

/* Children may have ended: for SIGCHLD. */
void templates_reap(struct templates *t);

#endif
