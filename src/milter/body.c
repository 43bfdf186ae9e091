#include "milter/body.h"

#include <string.h>

/* The CR that ended the former run is not followed by LF. */
static char *lone_cr(struct body *b, char *to)
{
	b->suspicious = true;
	if (!b->strip_cr)
		*to++ = '\r';
	return to;
}

void body_convert(struct body *b, const char *in, size_t n, struct buf *out)
{
	const char *end = in + n;
	char *begin = buf_reserve(out, n + 1), *to = begin; /* one more: the CR that waits */

	if (begin == NULL)
		return;
	if (n > 0 && memchr(in, '\0', n) != NULL)
		b->suspicious = true;
	while (in < end) {
		const char *cr;
		size_t run;

		if (b->cr_waits && *in != '\n')
			to = lone_cr(b, to);
		cr = memchr(in, '\r', (size_t)(end - in));
		b->cr_waits = cr != NULL;
		run = (size_t)((cr != NULL ? cr : end) - in);
		memcpy(to, in, run);
		to += run;
		in = cr != NULL ? cr + 1 : end;
	}
	buf_extend(out, (size_t)(to - begin));
}

void body_end(struct body *b)
{
	if (b->cr_waits)
		b->suspicious = true;
	b->cr_waits = false;
}
