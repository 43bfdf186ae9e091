/* patience.h - how long an MTA is kept waiting. Pure: the caller passes the time. Times are milliseconds on
 * the loop's clock.
 *
 * The limits of the MTAs, which ours have to be below: Postfix waits 30 s for the answer to a command and 300
 * s at the end of a message, Sendmail 10 s (T=R) and 5 minutes (T=E). A PROGRESS packet at the end of a
 * message starts Postfix's time and Sendmail's T=R anew, but not T=E. Before the end of a message Sendmail
 * takes it for a failure, so that there it is never sent. */
#ifndef DEFANG_MILTER_PATIENCE_H
#define DEFANG_MILTER_PATIENCE_H

#include "milter/settings.h"

#include <stdbool.h>
#include <stdint.h>

/* When a command that comes now has to be answered. */
int64_t patience_command(const struct settings *s, int64_t now);

/* The delay of an answer: what the filter asked for, as far as the command's deadline leaves room. */
int64_t patience_delay(int64_t wanted_ms, int64_t now, int64_t deadline);

/* Whether an MTA of this protocol version is told that the answer to the end of a message takes longer. */
bool patience_allows_progress(const struct settings *s, uint32_t version);

/* How often it is told so, in milliseconds: as set, but at least twice within the time that it waits. */
int64_t patience_progress(const struct settings *s);

/* Until when a scan that begins now may run; 0: without limit. */
int64_t patience_scan(const struct settings *s, uint32_t version, int64_t now);

#endif
