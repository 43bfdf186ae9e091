#include "milter/header.h"

#include <string.h>

void header_add_folded(struct buf *out, const char *text)
{
	for (;;) {
		size_t n = strcspn(text, "\r");

		buf_add(out, text, n);
		if (text[n] == '\0')
			return;
		if (text[n + 1] != '\n')
			buf_addc(out, ' ');
		text += n + 1;
	}
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

bool header_is_suspicious(const char *text)
{
	while ((text = strchr(text, '\r')) != NULL)
		if (*++text != '\n')
			return true;
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
