#include "pmx/shown.h"

#include <ctype.h>

void shown_add(struct buf *out, const char *text, size_t n)
{
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n')
			buf_adds(out, "; ");
		else
			buf_addc(out, iscntrl((unsigned char)text[i]) ? '?' : text[i]);
	}
}
