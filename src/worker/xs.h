/* xs.h - the functions in C that Perl can call. Each xs_*.c offers those of one subject. */
#ifndef DEFANG_WORKER_XS_H
#define DEFANG_WORKER_XS_H

#include "worker/perlapi.h"

/* Make all of them known to the interpreter. */
void xs_boot(pTHX);

void xs_percent_boot(pTHX);  /* percent_encode, percent_decode */
void xs_log_boot(pTHX);      /* md_syslog, md_openlog */
void xs_results_boot(pTHX);  /* write_result_line and the file behind it */
void xs_commands_boot(pTHX); /* COMMANDS into the globals */
void xs_mime_boot(pTHX);     /* a message as a MIME::Entity; needs mime_init() */
void xs_deadline_boot(pTHX); /* md_time_left, time_limit */
void xs_tmpdir_boot(pTHX);   /* tmpdir_set */

#endif
