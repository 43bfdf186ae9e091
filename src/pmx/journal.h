/* journal.h - what pmx-milter did, for those who were not there: in syslog, and in the file of log_to. */
#ifndef DEFANG_PMX_JOURNAL_H
#define DEFANG_PMX_JOURNAL_H

#include "pmx/conf.h"

/* Once, as the user of the milters. A file that cannot be opened is left out: a stop has to work all the
 * same. */
void journal_open(const struct conf *c);

/* A line. */
void journal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
