/* listing.h - the sessions of a loop as the status socket shows them, a line each:
 *
 *   session id=01Kq0000003 client=192.0.2.1 name=mx.example stage=rcpt age_s=12 silent_s=3 queue_id=4QAB
 *
 * Words as in a snapshot (proto/snapshot.h). The stage is that of the last command, `none` before the first.
 */
#ifndef DEFANG_MILTER_LISTING_H
#define DEFANG_MILTER_LISTING_H

#include "base/buf.h"

struct server;

/* On the server's thread. */
void listing_add(struct buf *out, const struct server *server);

#endif
