#include "proto/socketmap.h"

#include "proto/netstring.h"
#include "proto/percent.h"

#include <string.h>

bool socketmap_request(const char *payload, size_t n, struct buf *line)
{
	const char *space = memchr(payload, ' ', n);
	size_t name_len;

	if (space == NULL)
		return false;
	name_len = (size_t)(space - payload);
	buf_adds(line, "map ");
	percent_encode(line, payload, name_len);
	buf_addc(line, ' ');
	percent_encode(line, space + 1, n - name_len - 1);
	return true;
}

void socketmap_answer(const char *line, size_t n, struct buf *out)
{
	struct buf text;

	if (n > 0 && line[n - 1] == '\n')
		n--;
	buf_init(&text, BUF_NO_LIMIT);
	buf_add(&text, line, n);
	if (text.len > 0)
		netstring_add(out, text.data, percent_decode_n(text.data, text.len));
	else
		netstring_add(out, "", 0);
	if (buf_error(&text) < 0)
		out->error = buf_error(&text);
	buf_free(&text);
}

/* The reply without the word that marks an error, and without its LF. */
void socketmap_failure(const char *reply, struct buf *out)
{
	const char *text = strchr(reply, ' ');
	size_t n;
	struct buf payload;

	text = text == NULL ? reply : text + 1;
	n = strcspn(text, "\n");
	buf_init(&payload, BUF_NO_LIMIT);
	buf_adds(&payload, "TEMP ");
	buf_add(&payload, text, n);
	netstring_add(out, payload.data, payload.len);
	buf_free(&payload);
}
