/* results.h - the RESULTS file of a filter, read as a whole: its verdict and the changes it wants. Pure. */
#ifndef DEFANG_MILTER_RESULTS_H
#define DEFANG_MILTER_RESULTS_H

#include "milter/changes.h"
#include "proto/reply.h"
#include "proto/workdir.h"

#include <stdbool.h>
#include <stddef.h>

enum results_error {
	RESULTS_OK,
	RESULTS_NO_END,        /* no `F` line: the filter did not finish, nothing in it can be trusted */
	RESULTS_LINE_TOO_LONG, /* above WORKDIR_MAX_LINE bytes */
	RESULTS_TOO_MANY,      /* above CHANGES_MAX changes */
	RESULTS_NO_MEMORY,
};

struct results {
	enum verdict verdict;    /* CONTINUE when the message goes on, changed or not */
	struct smtp_reply reply; /* of REJECT and TEMPFAIL */
	struct changes changes;  /* for a message that is refused, only quarantines */
	size_t n_unknown;        /* lines with a letter or a field name that cannot be one */
	char unknown;            /* the first such letter; a space for an empty line */
};

/* Read bytes[0..n), which are changed, and must be followed by a NUL; the result points into them.
 * `mime_version`: the message has such a header, so that a new Content-Type needs no new one. What
 * stands behind the first `F` is ignored. The last of `B`, `T` and `D` before it is the verdict; without an
 * `F` there is none, since what the filter would have said next is not known. On error nothing is to be
 * freed. */
enum results_error results_parse(char *bytes, size_t n, bool mime_version, struct results *out);
void results_free(struct results *r);

const char *results_error_text(enum results_error e);

#endif
