/* scan.h - the end of a message: the filter is asked for its judgement, and what it decided is told to the
 * MTA.
 *
 * All of RESULTS is read and judged before the first change is sent: a message is never half changed.
 * Whatever goes wrong is a temporary failure. */
#ifndef DEFANG_MILTER_SCAN_H
#define DEFANG_MILTER_SCAN_H

#include "base/conn.h"
#include "milter/client.h"
#include "milter/fate.h"
#include "milter/message.h"
#include "milter/negotiate.h"
#include "milter/site.h"

#include <stdbool.h>

struct scan;

struct scan_about { /* all stay the caller's, and live longer than the scan */
	const struct site *site;
	const struct client *client;
	const struct agreement *agreed;
	const char *own_ip; /* where the client came in; "" when unknown */
	struct conn *mta;   /* where the answer is written */
	struct message *message;
};

struct scan_result {
	enum verdict verdict;
	const struct smtp_reply *reply; /* NULL: in the MTA's own words */
	enum failure failure;           /* the reason for the verdict, if it is not the filter's */
	struct facts facts;
};

/* Called once from the loop when the answer, its verdict included, is written or queued. The scan, and what
 * the result points to, is freed afterwards. */
typedef void scan_done_fn(const struct scan_result *result, void *arg);

/* Complete the message's files and ask. While the filter is asked an MTA that knows PROGRESS packets gets
 * them; see patience.h for how long that may last. NULL when that cannot be done, which is logged,
 * with the reason in *why: no callback comes. */
struct scan *scan_start(const struct scan_about *about, scan_done_fn *done, void *arg, enum failure *why);

/* Whether the filter is still being asked: nothing but PROGRESS packets is written yet. */
bool scan_is_asking(const struct scan *s);

/* All output to the MTA has been written. */
void scan_on_drained(struct scan *s);

/* Withdraw the question, or stop answering; the callback will not come. NULL is allowed. */
void scan_cancel(struct scan *s);

#endif
