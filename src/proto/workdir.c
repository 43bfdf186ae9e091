#include "proto/workdir.h"

#include "proto/percent.h"

#include <string.h>

enum item_error item_parse(char *line, struct item *out)
{
	struct item item = { .letter = line[0] };
	char *at = line[0] != '\0' && line[1] != '\0' ? line + 1 : NULL;

	while (at != NULL) {
		char *word = at;

		if (item.argc == WORKDIR_MAX_ARGS)
			return ITEM_TOO_MANY_ARGS;
		at = strpbrk(word, " \t");
		if (at != NULL)
			*at++ = '\0';
		percent_decode(word);
		item.argv[item.argc++] = word;
	}
	*out = item;
	return ITEM_OK;
}

void item_write(struct buf *out, char letter, const char *const *args, int n_args)
{
	buf_addc(out, letter);
	for (int i = 0; i < n_args; i++) {
		if (i > 0)
			buf_addc(out, ' ');
		if (args[i] != NULL)
			percent_encode_str(out, args[i]);
	}
	buf_addc(out, '\n');
}

void item_write1(struct buf *out, char letter, const char *arg)
{
	item_write(out, letter, &arg, 1);
}

void item_write_macro(struct buf *out, const char *name, const char *value)
{
	item_write(out, COMMAND_MACRO, (const char *const[]){ name, value }, 2);
}
