/* conn.h - a byte connection on the loop: an input buffer with a limit, an output queue, one deadline.
 * The two directions may be different descriptors (a pipe pair), or one may be missing (-1). One descriptor
 * for both is a stream socket, in whatever mode: it costs no system calls to be taken over.
 *
 * Owns its descriptors and closes them in conn_free(). conn_free() may be called from within any
 * callback, its own included: no callback follows it, memory goes at the end of the turn.
 *
 * Input: bytes are read until the buffer holds `input_limit` of them; then reading rests until the owner
 * consumes some. That is the back-pressure, and nothing grows without bound. While reading rests, a
 * peer that goes away is still noticed (CONN_EOF), so that work done for it can be withdrawn.
 * Output: conn_write() never blocks and never fails at once; trouble arrives as CONN_ERROR. The owner
 * bounds the output by waiting for CONN_DRAINED when conn_pending() is above what it wants to hold. */
#ifndef DEFANG_BASE_CONN_H
#define DEFANG_BASE_CONN_H

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;

enum conn_event {
	CONN_INPUT,   /* new bytes in the input buffer */
	CONN_DRAINED, /* all output is written; once per time that it became empty */
	CONN_EOF,     /* the peer has ended its side; unconsumed input stays readable. Once; when reading
		       * rested, CONN_INPUT may still follow it */
	CONN_ERROR,   /* reading or writing failed, conn_error() has the reason. Once; free it. Output that
		       * was not written is still counted by conn_pending() */
	CONN_TIMEOUT, /* the deadline passed; it is cleared */
};

typedef void conn_fn(struct conn *c, enum conn_event event, void *arg);

/* Takes the descriptors (two of them are made non-blocking here) when it succeeds; NULL with errno set
 * otherwise, and they stay the caller's. Reading starts at once; callbacks come only from the loop. */
struct conn *conn_new(struct loop *loop, int rfd, int wfd, size_t input_limit, conn_fn *cb, void *arg);
void conn_free(struct conn *c); /* unwritten output is dropped. NULL is allowed */

/* The unconsumed input, followed by a NUL that is not counted. Consuming moves nothing: the pointer is good
 * until the return to the loop. */
const char *conn_input(const struct conn *c, size_t *len);
void conn_consume(struct conn *c, size_t n);

/* Whether the peer has ended its side and conn_input() is the last of its input. CONN_EOF alone does not say
 * so: it comes early when reading rests. */
bool conn_input_ended(const struct conn *c);

/* Throw away all input that has arrived, also what the kernel still holds (up to 1 MiB of it). The bytes. */
size_t conn_discard_input(struct conn *c);

/* Give it to another owner: what happens from now on is told to him. */
void conn_set_owner(struct conn *c, conn_fn *cb, void *arg);

/* Queue bytes; they are copied. Written at the end of this turn, so that many small writes of one turn
 * are one system call. */
void conn_write(struct conn *c, const void *data, size_t n);
size_t conn_pending(const struct conn *c); /* bytes queued and not yet written */

/* Write now what can be written without waiting. */
void conn_flush(struct conn *c);

/* Fail with -ETIMEDOUT (CONN_ERROR) when the peer has taken nothing for `ms` of output that it was offered;
 * 0, the default: never. For output that begins to wait from now on. */
void conn_set_output_limit(struct conn *c, int64_t ms);

/* End our writing side once the output is written: shutdown() on a socket, close() on a pipe. What is written
 * later is dropped. */
void conn_end_output(struct conn *c);

/* Raise CONN_TIMEOUT when loop_now() reaches `at_ms`; 0 clears. Replaces the former deadline. */
void conn_set_deadline(struct conn *c, int64_t at_ms);

int conn_error(const struct conn *c); /* -errno of CONN_ERROR, else 0 */
int conn_rfd(const struct conn *c);

/* Bytes read and written since conn_new(). */
uint64_t conn_bytes_in(const struct conn *c);
uint64_t conn_bytes_out(const struct conn *c);

#endif
