#include "milter/header.h"

#include <string.h>

struct header_field header_field(const char *name, const char *value, bool lead_space)
{
	if (!lead_space)
		return (struct header_field){ name, " ", value };
	if (value[0] == ' ')
		return (struct header_field){ name, " ", value + 1 };
	return (struct header_field){ name, "", value };
}

bool header_is_name(const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
		if (*c < 33 || *c > 126 || *c == ':')
			return false;
	return *name != '\0';
}

void header_add_name(struct buf *out, const char *name)
{
	size_t n;

	for (; name[n = strcspn(name, "\r\n")] != '\0'; name += n + 1) {
		buf_add(out, name, n);
		buf_addc(out, ' ');
	}
	buf_add(out, name, n);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

void header_add_folded(struct buf *out, const char *value)
{
	size_t n;

	for (; value[n = strcspn(value, "\r\n")] != '\0'; value += n + 1) {
		buf_add(out, value, n);
		if (value[n] == '\n')
			buf_add(out, "\n\t", is_blank(value[n + 1]) ? 1 : 2);
		else if (value[n + 1] != '\n')
			buf_addc(out, ' ');
	}
	buf_add(out, value, n);
}

void header_add_unfolded(struct buf *out, const char *text)
{
	for (;;) {
		size_t n = strcspn(text, "\r\n");

		buf_add(out, text, n);
		if (text[n] == '\0')
			return;
		text += n + 1;
	}
}

bool header_is_suspicious(const char *name, const char *value)
{
	if (strpbrk(name, "\r\n") != NULL)
		return true;
	while ((value = strpbrk(value, "\r\n")) != NULL) {
		char c = *value++;

		if (c == '\r' ? *value != '\n' : !is_blank(*value))
			return true;
	}
	return false;
}

size_t header_leading_ipv4(const char *value)
{
	const char *at = value;

	for (int part = 0; part < 4; part++) {
		int number = 0, digits = 0;

		if (part > 0 && *at++ != '.')
			return 0;
		for (; *at >= '0' && *at <= '9' && digits < 3; at++, digits++)
			number = number * 10 + (*at - '0');
		if (digits == 0 || number > 255)
			return 0;
	}
	return *at >= '0' && *at <= '9' ? 0 : (size_t)(at - value);
}
