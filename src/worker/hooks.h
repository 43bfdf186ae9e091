/* hooks.h - what a filter may do to look at the bodies without asking for one: run a program, or read the
 * folder. Their files are made before that. */
#ifndef DEFANG_WORKER_HOOKS_H
#define DEFANG_WORKER_HOOKS_H

#include "worker/perlapi.h"

/* Before any Perl code is compiled that is to be watched. */
void hooks_install(pTHX);

#endif
