#include "pmx/conf_line.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static char *skip_blanks(char *s)
{
	while (is_blank(*s))
		s++;
	return s;
}

static void cut_blanks(char *s)
{
	size_t n = strlen(s);

	while (n > 0 && is_blank(s[n - 1]))
		n--;
	s[n] = '\0';
}

/* A `#` at the start or behind white space begins a comment. */
static void cut_comment(char *s)
{
	for (char *at = s; (at = strchr(at, '#')) != NULL; at++) {
		if (at == s || is_blank(at[-1])) {
			*at = '\0';
			return;
		}
	}
}

static struct conf_line bad(const char *why)
{
	return (struct conf_line){ .kind = CONF_LINE_BAD, .value = why };
}

/* `s` stands behind the opening quote. NULL, or what is wrong. */
static const char *unquote(char *s)
{
	char *to = s;

	for (; *s != '"'; s++) {
		if (*s == '\\' && (s[1] == '"' || s[1] == '\\'))
			s++;
		else if (*s == '\0' || *s == '\\')
			return *s == '\0'
				       ? "the closing quote is missing"
				       : "after a backslash in quotes only a quote or a backslash may follow";
		*to++ = *s;
	}
	s = skip_blanks(s + 1);
	*to = '\0';
	return *s == '\0' || *s == '#' ? NULL : "text follows the closing quote";
}

static struct conf_line parse_setting(char *text)
{
	char *equals = strchr(text, '='), *value;
	const char *why;
	bool quoted;

	if (equals == NULL)
		return bad("neither `key = value' nor a block nor `!include'");
	*equals = '\0';
	cut_blanks(text);
	value = skip_blanks(equals + 1);
	if (*text == '\0')
		return bad("the key is missing before `='");
	quoted = *value == '"';
	if (quoted) {
		if ((why = unquote(++value)) != NULL)
			return bad(why);
	} else {
		if (*value == '#') /* behind `=', with or without a blank before it */
			*value = '\0';
		cut_comment(value);
		cut_blanks(value);
	}
	if (*value == '\0' && !quoted)
		return bad("the value is missing (\"\" is an empty one)");
	return (struct conf_line){ .kind = CONF_LINE_SETTING, .key = text, .value = value, .quoted = quoted };
}

/* `text` stands behind `<'. */
static struct conf_line parse_tag(char *text)
{
	bool close = *text == '/';
	char *end, *name;
	size_t word;

	cut_comment(text);
	cut_blanks(text);
	end = text + strlen(text);
	if (end == text || end[-1] != '>')
		return bad("the `>' is missing at the end of a tag");
	end[-1] = '\0';
	text += close;
	word = strcspn(text, " \t");
	if (word != strlen("milter") || strncasecmp(text, "milter", word) != 0)
		return bad("unknown block: there is only <milter NAME>");
	name = skip_blanks(text + word);
	cut_blanks(name);
	if (close && *name != '\0')
		return bad("</milter> takes no name");
	if (!close && !conf_line_is_name(name))
		return bad("<milter NAME>: a name has 1 to 64 letters, digits, `_', `.', `:' and `-', "
			   "a letter or digit first");
	return (struct conf_line){ .kind = close ? CONF_LINE_CLOSE : CONF_LINE_OPEN, .value = name };
}

static struct conf_line parse_directive(char *text)
{
	static const char include[] = "include";
	size_t n = strlen(include);

	cut_comment(text);
	cut_blanks(text);
	if (strncmp(text, include, n) != 0 || (text[n] != '\0' && !is_blank(text[n])))
		return bad("unknown directive: there is only !include");
	text = skip_blanks(text + n);
	if (*text == '\0')
		return bad("!include needs a file or a pattern");
	return (struct conf_line){ .kind = CONF_LINE_INCLUDE, .value = text };
}

void conf_line_parse(char *text, struct conf_line *out)
{
	text = skip_blanks(text);
	switch (*text) {
	case '\0':
	case '#':
		*out = (struct conf_line){ .kind = CONF_LINE_BLANK };
		return;
	case '<':
		*out = parse_tag(text + 1);
		return;
	case '!':
		*out = parse_directive(text + 1);
		return;
	default:
		*out = parse_setting(text);
	}
}

bool conf_line_is_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > CONF_LINE_MAX_NAME || !isalnum((unsigned char)name[0]))
		return false;
	for (; *name != '\0'; name++) {
		if ((unsigned char)*name > 126 ||
		    (!isalnum((unsigned char)*name) && strchr("_.:-", *name) == NULL))
			return false;
	}
	return true;
}
