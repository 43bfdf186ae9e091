#include "proto/percent.h"

#include <stdbool.h>
#include <string.h>

static bool is_plain(unsigned char c)
{
	return c > 32 && c <= 126 && c != '%' && c != '\\' && c != '\'' && c != '"';
}

static void add_encoded(struct buf *out, unsigned char c)
{
	static const char digits[] = "0123456789ABCDEF";

	buf_add(out, (const char[]){ '%', digits[c >> 4], digits[c & 15] }, 3);
}

void percent_encode(struct buf *out, const char *s, size_t n)
{
	const char *end = s + n;

	while (s < end) {
		const char *run = s;

		while (s < end && is_plain((unsigned char)*s))
			s++;
		buf_add(out, run, (size_t)(s - run));
		if (s < end)
			add_encoded(out, (unsigned char)*s++);
	}
}

void percent_encode_str(struct buf *out, const char *s)
{
	percent_encode(out, s, strlen(s));
}

/* The value of a hex digit, or -1. Not isxdigit(): the locale has no say here. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

size_t percent_decode_n(char *s, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int high = s[i] == '%' && n - i > 2 ? hex_value(s[i + 1]) : -1;
		int low = high >= 0 ? hex_value(s[i + 2]) : -1;

		if (low >= 0) {
			s[len++] = (char)(high << 4 | low);
			i += 2;
		} else {
			s[len++] = s[i];
		}
	}
	s[len] = '\0';
	return len;
}

size_t percent_decode(char *s)
{
	return percent_decode_n(s, strlen(s));
}
