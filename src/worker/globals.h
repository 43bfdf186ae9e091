/* globals.h - the variables of Mail::MIMEDefang, which a filter sees, for C. Each is looked up in its package
 * every time, since a filter may put another one in its place; get_sv() does that too, but spends ten times
 * as much on taking the name apart. */
#ifndef DEFANG_WORKER_GLOBALS_H
#define DEFANG_WORKER_GLOBALS_H

#include "worker/perlapi.h"

/* By its name without the package. Dies when there is none: all are declared in Mail/MIMEDefang.pm. */
SV *globals_scalar(pTHX_ const char *name);
AV *globals_array(pTHX_ const char *name);
HV *globals_hash(pTHX_ const char *name);

#endif
