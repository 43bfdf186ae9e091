/* number.h - numbers as people write them in options and files. Strict: the whole text must be the number. */
#ifndef DEFANG_BASE_NUMBER_H
#define DEFANG_BASE_NUMBER_H

#include <stdint.h>

/* A decimal integer in [least, most], with an optional sign and no blanks. 0; -EINVAL when it is not a
 * number, -ERANGE when it is outside. On error *out is untouched. */
int number_parse(const char *text, int64_t least, int64_t most, int64_t *out);

#endif
