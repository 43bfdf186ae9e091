/* conf_line.h - one line of pmx.conf, see pmx.conf(5). Pure; works in place.
 *
 *	key = value    key = "value"    <milter NAME>    </milter>    !include PATTERN    # comment */
#ifndef DEFANG_PMX_CONF_LINE_H
#define DEFANG_PMX_CONF_LINE_H

#include <stdbool.h>

#define CONF_LINE_MAX_NAME 64 /* bytes of a milter's name */

enum conf_line_kind {
	CONF_LINE_BLANK,
	CONF_LINE_SETTING, /* key and value */
	CONF_LINE_OPEN,    /* value: the milter's name */
	CONF_LINE_CLOSE,
	CONF_LINE_INCLUDE, /* value: the pattern */
	CONF_LINE_BAD,     /* value: what is wrong, a constant */
};

struct conf_line {
	enum conf_line_kind kind;
	const char *key, *value; /* point into the line */
	bool quoted;
};

/* Read a line without its line end; `text` is changed. */
void conf_line_parse(char *text, struct conf_line *out);

/* A letter or digit, then letters, digits and `_ . : -`, CONF_LINE_MAX_NAME bytes at most. */
bool conf_line_is_name(const char *name);

#endif
