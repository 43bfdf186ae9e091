/* interp.h - the Perl interpreter of this process: its life, and calls into it. Nothing here needs Perl's
 * headers. */
#ifndef DEFANG_WORKER_INTERP_H
#define DEFANG_WORKER_INTERP_H

#include "base/buf.h"

#include <stdbool.h>

/* Start the interpreter and load the filter API. `argv` is main's, for $0. False when the API does not load:
 * `error` then says why. */
bool interp_start(char *argv[], struct buf *error);

/* The same, but first run the Perl program argv[1] with the arguments behind it, as a template does. If it is
 * `mimedefang.pl` of ours it asks for the filter API; *ours is false when it is another one, that has
 * everything it needs. Perl has told of a failure on standard error, then `error` is only a summary. */
bool interp_start_program(int argc, char *argv[], bool *ours, struct buf *error);

/* In a forked worker: what it must not share with others of the same template. */
void interp_forked(void);

/* Run the END blocks, destroy the objects. The rest of the memory goes with the process. */
void interp_stop(void);

/* Call a Perl function with `n_args` strings, in scalar context, within an eval. True when it returned: `out`
 * is what it returned, empty for undef. False when it died: `out` is the error, without its last newline.
 * `out` is cleared first. */
bool interp_call(const char *function, const char *const *args, int n_args, struct buf *out);

/* The value of a Perl scalar as a string, "" for undef; valid until Perl runs again. */
const char *interp_scalar(const char *name);

#endif
