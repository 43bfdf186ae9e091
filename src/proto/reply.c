#include "proto/reply.h"

#include "proto/percent.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Verdicts, with the number that stands for each in `ok N`. */
static const struct {
	const char *name, *number;
} verdicts[] = {
	[VERDICT_CONTINUE] = { "continue", "1" },  [VERDICT_REJECT] = { "reject", "0" },
	[VERDICT_TEMPFAIL] = { "tempfail", "-1" }, [VERDICT_ACCEPT] = { "accept", "2" },
	[VERDICT_DISCARD] = { "discard", "3" },
};

#define N_VERDICTS (sizeof(verdicts) / sizeof(verdicts[0]))

const char *verdict_name(enum verdict v)
{
	return verdicts[v].name;
}

/* SMTP replies */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool code_fits(const char *code, char class)
{
	return code != NULL && code[0] == class && is_digit(code[1]) && is_digit(code[2]) && code[3] == '\0';
}

/* One to three digits: their number, or 0. */
static size_t dsn_part(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n <= 3 ? n : 0;
}

/* class.d{1,3}.d{1,3} */
static bool dsn_fits(const char *dsn, char class)
{
	size_t subject, detail;

	if (dsn == NULL || dsn[0] != class || dsn[1] != '.')
		return false;
	subject = dsn_part(dsn + 2);
	if (subject == 0 || dsn[2 + subject] != '.')
		return false;
	detail = dsn_part(dsn + 3 + subject);
	return detail > 0 && dsn[3 + subject + detail] == '\0';
}

static void control_bytes_blank(char *s)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < 32 && *s != '\n') || *s == 127)
			*s = ' ';
}

void smtp_reply_set(struct smtp_reply *out, enum verdict v, const char *code, const char *dsn, char *text)
{
	bool reject = v == VERDICT_REJECT;
	char class = reject ? '5' : '4';

	assert(v == VERDICT_REJECT || v == VERDICT_TEMPFAIL);
	if (!code_fits(code, class))
		code = reject ? "554" : "451";
	if (!dsn_fits(dsn, class))
		dsn = reject ? "5.7.1" : "4.3.0";
	if (text == NULL || *text == '\0')
		text = (char *)(reject ? "Forbidden for policy reasons" : "Please try again later");
	else
		control_bytes_blank(text);
	snprintf(out->code, sizeof(out->code), "%s", code);
	snprintf(out->dsn, sizeof(out->dsn), "%s", dsn);
	out->text = text;
}

/* `n` bytes of text with `%` doubled, cut where the result would pass SMTP_REPLY_MAX_LINE. */
static void line_add(struct buf *out, const char *text, size_t n)
{
	size_t room = SMTP_REPLY_MAX_LINE;

	for (size_t i = 0; i < n; i++) {
		size_t width = text[i] == '%' ? 2 : 1;

		if (width > room)
			return;
		buf_add(out, text[i] == '%' ? "%%" : text + i, width);
		room -= width;
	}
}

void smtp_reply_format(struct buf *out, const struct smtp_reply *r)
{
	const char *line = r->text;

	for (int i = 1;; i++) {
		size_t n = strcspn(line, "\n");
		bool last = i == SMTP_REPLY_MAX_LINES || line[n] == '\0' || line[n + 1] == '\0';

		buf_addf(out, "%s%c%s ", r->code, last ? ' ' : '-', r->dsn);
		line_add(out, line, n);
		if (last)
			return;
		buf_adds(out, "\r\n");
		line += n + 1;
	}
}

/* Replies of the controller */

enum ending {
	ENDING_NONE, /* no LF */
	ENDING_LF,
	ENDING_MORE, /* bytes behind the LF: more than a reply may have */
};

/* Cut `line` at its first LF and say how it ended. */
static enum ending ending_cut(char *line)
{
	char *lf = strchr(line, '\n');

	if (lf == NULL)
		return ENDING_NONE;
	*lf = '\0';
	return lf[1] == '\0' ? ENDING_LF : ENDING_MORE;
}

/* A number of decimal digits and nothing else; one above `most` counts as `most`. -1 when it is none. */
static int digits_value(const char *s, size_t n, int most)
{
	int value = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s[i]))
			return -1;
		if (value <= most)
			value = value > (INT_MAX - 9) / 10 ? INT_MAX : value * 10 + (s[i] - '0');
	}
	if (n == 0)
		return -1;
	return value > most ? most : value;
}

/* What follows `ok N` in `line`, or NULL when it does not start so. */
static char *verdict_take(char *line, enum verdict *out)
{
	if (strncmp(line, "ok ", 3) != 0)
		return NULL;
	line += 3;
	for (size_t v = 0; v < N_VERDICTS; v++) {
		size_t n = strlen(verdicts[v].number);

		if (strncmp(line, verdicts[v].number, n) == 0 && (line[n] == ' ' || line[n] == '\0')) {
			*out = (enum verdict)v;
			return line + n;
		}
	}
	return NULL;
}

/* The next field of *at, decoded, with spaces for NULs; NULL when there is none. */
static char *field_take(char **at)
{
	char *field = *at, *nul;
	size_t n;

	if (field == NULL)
		return NULL;
	*at = strchr(field, ' ');
	if (*at != NULL)
		*(*at)++ = '\0';
	n = percent_decode(field);
	while ((nul = memchr(field, '\0', n)) != NULL)
		*nul = ' ';
	return field;
}

/* TEXT CODE DSN DELAY; any tail may be missing, and what follows them is ignored. */
static void fields_parse(char *at, struct check_reply *r)
{
	char *text = field_take(&at);
	const char *code = field_take(&at), *dsn = field_take(&at), *delay = field_take(&at);
	int seconds = delay != NULL ? digits_value(delay, strlen(delay), REPLY_MAX_DELAY) : 0;

	r->has_reply = true;
	r->delay_s = seconds > 0 ? seconds : 0;
	if (r->verdict == VERDICT_REJECT || r->verdict == VERDICT_TEMPFAIL)
		smtp_reply_set(&r->reply, r->verdict, code, dsn, text);
}

enum reply_error check_reply_parse(char *line, struct check_reply *out)
{
	struct check_reply r = { .has_reply = false };
	enum ending ending = ending_cut(line);
	char *rest;

	if (*line == '\0' && ending == ENDING_NONE)
		return REPLY_EMPTY;
	rest = verdict_take(line, &r.verdict);
	if (rest == NULL || ending == ENDING_MORE)
		return REPLY_NOT_OK;
	if (*rest == '\0') {
		if (ending != ENDING_LF) /* `ok 1` may be the start of `ok 1..` that was cut short */
			return REPLY_NOT_OK;
	} else {
		if (rest[1] == '\0')
			return REPLY_NOT_OK;
		fields_parse(rest + 1, &r);
	}
	*out = r;
	return REPLY_OK;
}

enum reply_error free_reply_parse(const char *line, int *out)
{
	size_t n = strcspn(line, "\n");
	int value = digits_value(line, n, INT_MAX);

	if (*line == '\0')
		return REPLY_EMPTY;
	if (value < 0 || (line[n] == '\n' && line[n + 1] != '\0'))
		return REPLY_NOT_OK;
	*out = value;
	return REPLY_OK;
}

enum reply_error scan_reply_parse(char *line)
{
	enum ending ending = ending_cut(line);

	if (*line == '\0' && ending == ENDING_NONE)
		return REPLY_EMPTY;
	return ending == ENDING_LF && strcmp(line, "ok") == 0 ? REPLY_OK : REPLY_NOT_OK;
}

bool reply_is_error(const char *line)
{
	return strncmp(line, "error:", 6) == 0 || strncmp(line, "ERR ", 4) == 0;
}
