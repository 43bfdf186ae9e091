/* serve.h - the server loop: a request line in, exactly one reply line out, whatever the filter does. */
#ifndef DEFANG_WORKER_SERVE_H
#define DEFANG_WORKER_SERVE_H

struct channel;
struct guard;

/* Serve until the controller closes the pipe. 0, or -errno when the pipe breaks. */
int serve_run(struct channel *c, struct guard *g);

#endif
