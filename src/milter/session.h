/* session.h - one connection of an MTA: packets in, replies out, strictly in order. While the controller is
 * being asked, or a delay runs, no further packet is handled; only a hang-up or an ABORT is noticed, and
 * withdraws the question.
 *
 * A session belongs to its server and ends by itself, when the MTA quits, hangs up or breaks the
 * protocol. */
#ifndef DEFANG_MILTER_SESSION_H
#define DEFANG_MILTER_SESSION_H

struct server;
struct session;

/* Takes the connected socket `fd`; without memory for a session it is closed. */
void session_start(struct server *server, int fd);

/* The server is to end: end this session as soon as it has no message in hand, and see server_drain(). It may
 * do so at once, and be gone. */
void session_retire(struct session *s);

struct session *session_next(const struct session *s); /* of the same server; NULL for the last one */

/* End it now: a waiting MTA is told to try again later, the message in hand is forgotten. */
void session_stop(struct session *s);

#endif
