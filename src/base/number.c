#include "base/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

int number_parse(const char *text, int64_t least, int64_t most, int64_t *out)
{
	const char *digits = text + (*text == '+' || *text == '-');
	char *end;
	long long v;

	if (!isdigit((unsigned char)*digits)) /* strtoll() would skip blanks and take a second sign */
		return -EINVAL;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (*end != '\0')
		return -EINVAL;
	if (errno == ERANGE || v < least || v > most)
		return -ERANGE;
	*out = v;
	return 0;
}
