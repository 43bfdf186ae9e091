#include "milter/body.h"

#include <string.h>

/* The CR that ended the former run is not followed by LF. */
static void lone_cr(struct body *b, struct buf *out)
{
	b->suspicious = true;
	if (!b->strip_cr)
		buf_addc(out, '\r');
}

void body_convert(struct body *b, const char *in, size_t n, struct buf *out)
{
	const char *end = in + n;

	if (n > 0 && memchr(in, '\0', n) != NULL)
		b->suspicious = true;
	while (in < end) {
		const char *cr;

		if (b->cr_waits && *in != '\n')
			lone_cr(b, out);
		cr = memchr(in, '\r', (size_t)(end - in));
		b->cr_waits = cr != NULL;
		buf_add(out, in, (size_t)((cr != NULL ? cr : end) - in));
		in = cr != NULL ? cr + 1 : end;
	}
}

void body_end(struct body *b)
{
	if (b->cr_waits)
		b->suspicious = true;
	b->cr_waits = false;
}
