/* header.h - one header field as the MTA sends it, turned into the lines of INPUTMSG and HEADERS. Pure. */
#ifndef DEFANG_MILTER_HEADER_H
#define DEFANG_MILTER_HEADER_H

#include "base/buf.h"

#include <stdbool.h>

/* A field, taken apart: in the message NAME, colon, `gap` and `value` stand one behind the other. */
struct header_field {
	const char *name;
	const char *gap;   /* one space, or nothing */
	const char *value; /* points into what the MTA sent */
};

/* `lead_space`: the MTA sends values as they stand (HDR_LEADSPC). Else it has taken one space away, and we
 * cannot know whether there was one: there mostly is. */
struct header_field header_field(const char *name, const char *value, bool lead_space);

/* Whether `name` is one that a field can have (RFC 5322, 3.6.8). With anything else in it a line break, say,
 * would smuggle in another field. */
bool header_is_name(const char *name);

/* Append a name as INPUTMSG has it: each CR and LF becomes a space, so that it stays one field. */
void header_add_name(struct buf *out, const char *name);

/* Append a value as INPUTMSG has it: CR LF becomes LF, a CR without LF a space; behind an LF that no blank
 * follows a tab is put, or the rest would be another field, or the body. */
void header_add_folded(struct buf *out, const char *value);

/* Append `text` in one line: without any CR and LF. */
void header_add_unfolded(struct buf *out, const char *text);

/* Whether there is something in a field that no honest mailer writes: a line break in the name, and in the
 * value a CR that no LF follows, or an LF that no blank follows. */
bool header_is_suspicious(const char *name, const char *value);

/* The IPv4 address at the start of `value`, four numbers of 0 to 255 joined by dots, whatever follows. Its
 * length, or 0 when there is none. */
size_t header_leading_ipv4(const char *value);

#endif
