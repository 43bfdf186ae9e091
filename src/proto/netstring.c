#include "proto/netstring.h"

#include <stdbool.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

enum netstring_result netstring_parse(const char *in, size_t n, struct netstring *out)
{
	size_t len = 0, i;

	for (i = 0; i < n && is_digit(in[i]); i++) {
		if (i == 1 && in[0] == '0')
			return NETSTRING_BAD_LENGTH;
		len = 10 * len + (size_t)(in[i] - '0');
		if (len > NETSTRING_MAX)
			return NETSTRING_BAD_LENGTH;
	}
	if (i == n)
		return NETSTRING_INCOMPLETE;
	if (i == 0 || in[i] != ':')
		return NETSTRING_BAD_LENGTH;
	i++;
	if (n - i <= len)
		return NETSTRING_INCOMPLETE;
	out->used = i + len + 1;
	if (in[i + len] != ',')
		return NETSTRING_NO_COMMA;
	out->data = in + i;
	out->len = len;
	return NETSTRING_OK;
}

void netstring_add(struct buf *out, const char *data, size_t n)
{
	buf_addf(out, "%zu:", n);
	buf_add(out, data, n);
	buf_addc(out, ',');
}
