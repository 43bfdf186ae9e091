/* report.h - a story told to people, or as JSON. Pure: text is appended to a buffer. */
#ifndef DEFANG_TOOLS_REPORT_H
#define DEFANG_TOOLS_REPORT_H

#include "base/buf.h"
#include "tools/parts.h"
#include "tools/try.h"

/* `parts` is what a new body did to the message's parts; NULL when there is none. */
void report_text(struct buf *out, const struct script *script, const struct story *s,
		 const struct parts *parts);
void report_json(struct buf *out, const struct script *script, const struct story *s,
		 const struct parts *parts);

#endif
