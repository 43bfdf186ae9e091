/* header.h - one header field as the MTA sends it, turned into the lines of INPUTMSG and HEADERS. Pure. */
#ifndef DEFANG_MILTER_HEADER_H
#define DEFANG_MILTER_HEADER_H

#include "base/buf.h"

#include <stdbool.h>

/* Append `text` as INPUTMSG has it: CR LF becomes LF, a CR without LF becomes a space. */
void header_add_folded(struct buf *out, const char *text);

/* Append `text` in one line: without any CR and LF. */
void header_add_unfolded(struct buf *out, const char *text);

/* Whether `text` has a CR that no LF follows, which no honest mailer writes. */
bool header_is_suspicious(const char *text);

/* The IPv4 address at the start of `value`, four numbers of 0 to 255 joined by dots, whatever follows. Its
 * length, or 0 when there is none. */
size_t header_leading_ipv4(const char *value);

#endif
