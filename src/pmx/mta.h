/* mta.h - the lines that a mail server needs for the configured milters. Pure. */
#ifndef DEFANG_PMX_MTA_H
#define DEFANG_PMX_MTA_H

#include "base/buf.h"
#include "pmx/conf.h"

enum mta { MTA_POSTFIX, MTA_SENDMAIL };

/* For main.cf or sendmail.mc; disabled milters as comments. The conf has no errors. */
void mta_lines(const struct conf *c, enum mta which, struct buf *out);

#endif
