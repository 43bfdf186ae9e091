/* starter.h - waiting at the start until the controller answers. */
#ifndef DEFANG_MILTER_STARTER_H
#define DEFANG_MILTER_STARTER_H

#include "milter/client.h"

#include <stdbool.h>
#include <stdint.h>

struct starter;

/* Ask `free` again and again until there is an answer or `wait_ms` are over, also those of a controller that
 * takes the question and is silent. Then `cb` is called, once, and the starter is freed by itself. NULL when
 * out of memory. */
struct starter *starter_new(const struct client *client, int64_t wait_ms, void (*cb)(bool alive, void *arg),
			    void *arg);
void starter_free(struct starter *s); /* gives up; NULL is allowed */

#endif
