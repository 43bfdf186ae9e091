/* perlstate.h - what of the Perl interpreter a filter may change and must not keep: $/ $\ $, $|, the selected
 * handle, %SIG with what the kernel knows of it, PATH. Nothing here needs Perl's headers.
 *
 * To look costs next to nothing; Perl code runs only when a handler has to be put back. */
#ifndef DEFANG_WORKER_PERLSTATE_H
#define DEFANG_WORKER_PERLSTATE_H

#include <stdbool.h>

/* Note signal handlers and PATH as they are: what a filter sets while it is loaded and initialized is meant
 * to stay. Once a process. */
void perlstate_note(void);

/* Put all back, and tell what was changed (leftover.h). Handlers and PATH: as noted, if they were. */
void perlstate_restore(void);

/* Whether a handle of Perl's uses this descriptor. */
bool perlstate_owns(int fd);

#endif
