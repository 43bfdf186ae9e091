#include "milter/results.h"

#include "base/number.h"
#include "milter/header.h"

#include <errno.h>
#include <string.h>

struct parse {
	struct results out;
	bool mime_version;
	bool ended; /* `F` was seen */
};

/* Arguments */

static char *arg(const struct item *item, int i)
{
	return i < item->argc ? item->argv[i] : NULL;
}

static void remove_crs(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++)
		if (*s != '\r')
			*to++ = *s;
	*to = '\0';
}

/* A number of at least `least`; what is none, or less, counts as `least`. */
static uint32_t index_of(const char *text, int64_t least)
{
	int64_t n = least;

	if (number_parse(text, least, INT32_MAX, &n) < 0)
		n = least;
	return (uint32_t)n;
}

static int unknown(struct parse *p, char letter)
{
	if (p->out.n_unknown++ == 0)
		p->out.unknown = letter != '\0' ? letter : ' ';
	return 0;
}

/* Lines. Each returns 0, or the error of changes_add(). */

static int add_header(struct parse *p, const struct item *item)
{
	if (item->argc < 2 || item->argv[0][0] == '\0')
		return 0;
	if (!header_is_name(item->argv[0]))
		return unknown(p, item->letter);
	remove_crs(item->argv[1]);
	return changes_add(&p->out.changes,
			   (struct change){ MILTER_ADDHEADER, 0, item->argv[0], item->argv[1] });
}

static int insert_header(struct parse *p, const struct item *item)
{
	if (item->argc < 3 || item->argv[0][0] == '\0')
		return 0;
	if (!header_is_name(item->argv[0]))
		return unknown(p, item->letter);
	remove_crs(item->argv[2]);
	return changes_add(&p->out.changes, (struct change){ MILTER_INSHEADER, index_of(item->argv[1], 0),
							     item->argv[0], item->argv[2] });
}

static int change_header(struct parse *p, const struct item *item)
{
	if (item->argc < 3 || item->argv[0][0] == '\0')
		return 0;
	if (!header_is_name(item->argv[0]))
		return unknown(p, item->letter);
	remove_crs(item->argv[2]);
	return changes_add(&p->out.changes, (struct change){ MILTER_CHGHEADER, index_of(item->argv[1], 1),
							     item->argv[0], item->argv[2] });
}

static int delete_header(struct parse *p, const struct item *item)
{
	if (item->argc < 2 || item->argv[0][0] == '\0')
		return 0;
	if (!header_is_name(item->argv[0]))
		return unknown(p, item->letter);
	return changes_add(&p->out.changes, (struct change){ MILTER_CHGHEADER, index_of(item->argv[1], 1),
							     item->argv[0], "" });
}

static int new_body(struct parse *p)
{
	for (size_t i = 0; i < p->out.changes.n; i++)
		if (p->out.changes.list[i].kind == MILTER_REPLBODY)
			return 0; /* there is but one NEWBODY */
	return changes_add(&p->out.changes, (struct change){ .kind = MILTER_REPLBODY });
}

static int content_type(struct parse *p, const struct item *item)
{
	char *value = arg(item, 0);
	int err = 0;

	if (value != NULL && *value != '\0') {
		remove_crs(value);
		err = changes_add(&p->out.changes,
				  (struct change){ MILTER_CHGHEADER, 1, "Content-Type", value });
	}
	if (err == 0 && !p->mime_version)
		err = changes_add(&p->out.changes,
				  (struct change){ MILTER_CHGHEADER, 1, "MIME-Version", "1.0" });
	p->mime_version = true;
	return err;
}

static int with_address(struct parse *p, enum milter_response kind, const struct item *item)
{
	if (item->argc < 1 || item->argv[0][0] == '\0')
		return 0;
	return changes_add(&p->out.changes, (struct change){ .kind = kind, .value = item->argv[0] });
}

/* Parameters stand in an SMTP command of the MTA: nothing in them may end it. */
static bool is_parameters(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* An address that may have ESMTP parameters, with which it is a change of the kind `with`. */
static int with_parameters(struct parse *p, enum milter_response plain, enum milter_response with,
			   const struct item *item)
{
	const char *params = arg(item, 1);

	if (params == NULL || *params == '\0')
		return with_address(p, plain, item);
	if (item->argv[0][0] == '\0' || !is_parameters(params))
		return unknown(p, item->letter);
	return changes_add(&p->out.changes,
			   (struct change){ .kind = with, .value = item->argv[0], .params = params });
}

/* An empty reason would mean no quarantine to Sendmail. */
static int quarantine(struct parse *p, const struct item *item)
{
	const char *reason = arg(item, 0);

	if (reason == NULL || *reason == '\0')
		reason = "by the filter";
	return changes_add(&p->out.changes, (struct change){ .kind = MILTER_QUARANTINE, .value = reason });
}

static void refuse(struct parse *p, enum verdict v, const struct item *item)
{
	p->out.verdict = v;
	if (v != VERDICT_DISCARD)
		smtp_reply_set(&p->out.reply, v, arg(item, 0), arg(item, 1), arg(item, 2));
}

static int take_change(struct parse *p, const struct item *item)
{
	switch (item->letter) {
	case RESULT_NEW_BODY:
		return new_body(p);
	case RESULT_CONTENT_TYPE:
		return content_type(p, item);
	case RESULT_ADD_HEADER:
		return add_header(p, item);
	case RESULT_INSERT_HEADER:
		return insert_header(p, item);
	case RESULT_CHANGE_HEADER:
		return change_header(p, item);
	case RESULT_DELETE_HEADER:
		return delete_header(p, item);
	case RESULT_ADD_RECIPIENT:
		return with_parameters(p, MILTER_ADDRCPT, MILTER_ADDRCPT_PAR, item);
	case RESULT_DELETE_RECIPIENT:
		return with_address(p, MILTER_DELRCPT, item);
	case RESULT_CHANGE_SENDER:
		return with_parameters(p, MILTER_CHGFROM, MILTER_CHGFROM, item);
	case RESULT_QUARANTINE:
		return quarantine(p, item);
	default:
		return unknown(p, item->letter);
	}
}

static int take_item(struct parse *p, const struct item *item)
{
	switch (item->letter) {
	case RESULT_BOUNCE:
		refuse(p, VERDICT_REJECT, item);
		return 0;
	case RESULT_TEMPFAIL:
		refuse(p, VERDICT_TEMPFAIL, item);
		return 0;
	case RESULT_DISCARD:
		refuse(p, VERDICT_DISCARD, item);
		return 0;
	case RESULT_END:
		p->ended = true;
		return 0;
	default:
		return take_change(p, item);
	}
}

/* Words beyond those that an item can have are cut off: a filter that forgot to encode the spaces of a text.
 */
static void cut_words(char *line)
{
	for (int words = 0; (line = strpbrk(line, " \t")) != NULL; line++) {
		if (++words == WORKDIR_MAX_ARGS) {
			*line = '\0';
			return;
		}
	}
}

static int take_line(struct parse *p, char *line)
{
	struct item item;

	cut_words(line);
	if (item_parse(line, &item) != ITEM_OK)
		return unknown(p, line[0]);
	return take_item(p, &item);
}

static enum results_error error_of(int err)
{
	return err == -E2BIG ? RESULTS_TOO_MANY : RESULTS_NO_MEMORY;
}

static enum results_error take_all(struct parse *p, char *at, char *end)
{
	while (at < end && !p->ended) {
		char *lf = memchr(at, '\n', (size_t)(end - at));
		char *next = lf != NULL ? lf + 1 : end;
		int err;

		if (lf == NULL)
			lf = end;
		if (lf - at > WORKDIR_MAX_LINE)
			return RESULTS_LINE_TOO_LONG;
		*lf = '\0';
		if ((err = take_line(p, at)) < 0)
			return error_of(err);
		at = next;
	}
	return p->ended ? RESULTS_OK : RESULTS_NO_END;
}

enum results_error results_parse(char *bytes, size_t n, bool mime_version, struct results *out)
{
	struct parse p = { .out.verdict = VERDICT_CONTINUE, .mime_version = mime_version };
	enum results_error error;

	changes_init(&p.out.changes);
	if ((error = take_all(&p, bytes, bytes + n)) != RESULTS_OK) {
		results_free(&p.out);
		return error;
	}
	if (p.out.verdict != VERDICT_CONTINUE)
		changes_keep_only(&p.out.changes, MILTER_QUARANTINE);
	*out = p.out;
	return RESULTS_OK;
}

void results_free(struct results *r)
{
	changes_free(&r->changes);
}

const char *results_error_text(enum results_error e)
{
	static const char *const text[] = {
		[RESULTS_OK] = "no error",
		[RESULTS_NO_END] = "RESULTS file did not finish with 'F' line",
		[RESULTS_LINE_TOO_LONG] = "Overlong line in RESULTS file",
		[RESULTS_TOO_MANY] = "Too many changes in RESULTS file",
		[RESULTS_NO_MEMORY] = "out of memory",
	};

	return text[e];
}
