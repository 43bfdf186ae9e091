#include "proto/json.h"

#include <string.h>

/* The length of the UTF-8 sequence at `s`, or 0 when there is none: overlong forms, surrogates and what lies
 * above U+10FFFF are none. */
static size_t utf8_length(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;

	if (n == 1)
		return 1;
	if (n == 4 && (s[0] < 0xf0 || s[0] > 0xf4))
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return n;
}

static void quote(struct buf *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	buf_addc(out, '"');
	for (; *s != '\0'; s += n) {
		n = utf8_length(s);
		if (n == 0 || *s < 0x20) {
			buf_addf(out, "\\u%04x", *s);
			n = 1;
		} else {
			if (*s == '"' || *s == '\\')
				buf_addc(out, '\\');
			buf_add(out, s, n);
		}
	}
	buf_addc(out, '"');
}

static void item(struct json *j, const char *key)
{
	if (j->comma)
		buf_adds(j->out, ", ");
	j->comma = true;
	if (key != NULL) {
		quote(j->out, key);
		buf_adds(j->out, ": ");
	}
}

static void open_with(struct json *j, const char *key, char c)
{
	item(j, key);
	buf_addc(j->out, c);
	j->comma = false;
}

static void close_with(struct json *j, char c)
{
	buf_addc(j->out, c);
	j->comma = true;
}

void json_object(struct json *j, const char *key)
{
	open_with(j, key, '{');
}

void json_array(struct json *j, const char *key)
{
	open_with(j, key, '[');
}

void json_end_object(struct json *j)
{
	close_with(j, '}');
}

void json_end_array(struct json *j)
{
	close_with(j, ']');
}

void json_text(struct json *j, const char *key, const char *s)
{
	item(j, key);
	if (s == NULL)
		buf_adds(j->out, "null");
	else
		quote(j->out, s);
}

void json_int(struct json *j, const char *key, int64_t n)
{
	item(j, key);
	buf_addf(j->out, "%lld", (long long)n);
}

void json_real(struct json *j, const char *key, double d)
{
	item(j, key);
	buf_addf(j->out, "%.3f", d);
}

void json_bool(struct json *j, const char *key, bool b)
{
	item(j, key);
	buf_adds(j->out, b ? "true" : "false");
}
