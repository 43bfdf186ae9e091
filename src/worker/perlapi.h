/* perlapi.h - Perl's C interface, in the one order in which its headers may be included. */
#ifndef DEFANG_WORKER_PERLAPI_H
#define DEFANG_WORKER_PERLAPI_H

#define PERL_NO_GET_CONTEXT /* the interpreter is handed down as pTHX, not looked up at each call */

#include <EXTERN.h>
#include <perl.h>
/* behind perl.h */
#include <XSUB.h>

#endif
