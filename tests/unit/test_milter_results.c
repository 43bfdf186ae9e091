#include "milter/results.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `changes` shows each as KIND[INDEX][ NAME][=VALUE], with commas between them. */
static const struct {
	const char *file;
	enum results_error error;
	enum verdict verdict;
	const char *changes;
} cases[] = {
	{ "F\n", RESULTS_OK, VERDICT_CONTINUE, "" },
	{ "F", RESULTS_OK, VERDICT_CONTINUE, "" },
	{ "", RESULTS_NO_END, 0, NULL },
	{ "Ha b\n", RESULTS_NO_END, 0, NULL },
	{ "B554 5.7.1 no\n", RESULTS_NO_END, 0, NULL }, /* perhaps cut short: nothing can be trusted */
	/* headers */
	{ "HX-A one%20two\nF\n", RESULTS_OK, VERDICT_CONTINUE, "h X-A=one two" },
	{ "HX-A a%0D%0A%09b\nF\n", RESULTS_OK, VERDICT_CONTINUE, "h X-A=a\n\tb" },
	{ "HX-A\nH\nF\n", RESULTS_OK, VERDICT_CONTINUE, "" },
	{ "HX-A\tv\nF\n", RESULTS_OK, VERDICT_CONTINUE, "h X-A=v" },
	{ "NX-N 3 v\nNX-N -1 v\nNX-N x v\nNX-N 0\nF\n", RESULTS_OK, VERDICT_CONTINUE,
	  "i3 X-N=v,i0 X-N=v,i0 X-N=v" },
	{ "ISubject 2 v\nISubject 0 v\nISubject x v\nISubject 1 \nISubject 1\nF\n", RESULTS_OK,
	  VERDICT_CONTINUE, "m2 Subject=v,m1 Subject=v,m1 Subject=v,m1 Subject=" },
	{ "JReceived 2\nJReceived 0\nJReceived\nF\n", RESULTS_OK, VERDICT_CONTINUE,
	  "m2 Received=,m1 Received=" },
	/* body and type */
	{ "C\nC\nF\n", RESULTS_OK, VERDICT_CONTINUE, "b" },
	{ "Mtext/plain\nF\n", RESULTS_OK, VERDICT_CONTINUE,
	  "m1 Content-Type=text/plain,m1 MIME-Version=1.0" },
	{ "M\nF\n", RESULTS_OK, VERDICT_CONTINUE, "m1 MIME-Version=1.0" },
	/* envelope and quarantine */
	{ "R<a@b>\nS<c@d>\nf<e@f>\nF\n", RESULTS_OK, VERDICT_CONTINUE, "+=<a@b>,-=<c@d>,e=<e@f>" },
	{ "R<a> NOTIFY=NEVER\nf<b> RET=HDRS%20ENVID=x\nR<c> \nF\n", RESULTS_OK, VERDICT_CONTINUE,
	  "2=<a> NOTIFY=NEVER,e=<b> RET=HDRS ENVID=x,+=<c>" },
	{ "R<a> x%0D%0AQUIT\nR %C3%A4\nfx y%7F\nF\n", RESULTS_OK, VERDICT_CONTINUE, "" },
	{ "R\nS\nf\nF\n", RESULTS_OK, VERDICT_CONTINUE, "" },
	{ "Qbad%20thing\nF\n", RESULTS_OK, VERDICT_CONTINUE, "q=bad thing" },
	{ "Q\nF\n", RESULTS_OK, VERDICT_CONTINUE, "q=by the filter" },
	/* order is the file's; the first F ends it */
	{ "Ha 1\nC\nHb 2\nF\nHc 3\n", RESULTS_OK, VERDICT_CONTINUE, "h a=1,b,h b=2" },
	/* refusals: the last counts, wherever it stands, and changes other than Q do not */
	{ "Ha 1\nC\nR<x>\nQwhy\nB550 5.1.1 go%20away\nF\n", RESULTS_OK, VERDICT_REJECT, "q=why" },
	{ "B550 5.1.1 x\nD\nF\n", RESULTS_OK, VERDICT_DISCARD, "" },
	{ "D\nT\nF\n", RESULTS_OK, VERDICT_TEMPFAIL, "" },
	{ "F\nD\n", RESULTS_OK, VERDICT_CONTINUE, "" }, /* nothing counts behind the end */
	{ "B\nF\nD\n", RESULTS_OK, VERDICT_REJECT, "" },
	{ "D\n", RESULTS_NO_END, VERDICT_CONTINUE, "" }, /* without an end, nothing counts */
	{ "H%0AX v\nHa:b v\nN%20x 0 v\nI%C3%A4 1 v\nJx%7F 1\nF\n", RESULTS_OK, VERDICT_CONTINUE, "" },
	{ "B550 5.1.1 nine words and so on one two three four\nF\n", RESULTS_OK, VERDICT_REJECT, "" },
	/* unknown letters are passed over */
	{ "Z\n\nHa 1\nF\n", RESULTS_OK, VERDICT_CONTINUE, "h a=1" },
};

static void show(struct buf *out, const struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *c = &changes->list[i];

		buf_addf(out, "%s%c", i > 0 ? "," : "", (char)c->kind);
		if (c->kind == MILTER_INSHEADER || c->kind == MILTER_CHGHEADER)
			buf_addf(out, "%u", c->index);
		if (c->name != NULL)
			buf_addf(out, " %s", c->name);
		if (c->value != NULL)
			buf_addf(out, "=%s", c->value);
		if (c->params != NULL)
			buf_addf(out, " %s", c->params);
	}
}

/* On a copy of exact size, so that a sanitizer sees an over-read. */
static char *copy_of(const char *file)
{
	return strdup(file);
}

static void reads_each_line(void **state)
{
	struct buf shown;

	buf_init(&shown, BUF_NO_LIMIT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *bytes = copy_of(cases[i].file);
		struct results r;

		assert_int_equal(results_parse(bytes, strlen(bytes), false, &r), cases[i].error);
		if (cases[i].error == RESULTS_OK) {
			assert_int_equal(r.verdict, cases[i].verdict);
			buf_clear(&shown);
			show(&shown, &r.changes);
			assert_string_equal(shown.data, cases[i].changes);
			results_free(&r);
		}
		free(bytes);
	}
	buf_free(&shown);
}

static const struct {
	const char *file, *code, *dsn, *text;
} replies[] = {
	{ "B550 5.1.1 go%20away\nF\n", "550", "5.1.1", "go away" },
	{ "T450 4.7.1 later\nF\n", "450", "4.7.1", "later" },
	{ "B\nF\n", "554", "5.7.1", "Forbidden for policy reasons" },
	{ "T\nF\n", "451", "4.3.0", "Please try again later" },
	{ "B450 4.7.1 x\nF\n", "554", "5.7.1", "x" },
	{ "B550 5.1.1 one\nB551 5.1.2 two\nF\n", "551", "5.1.2", "two" },
};

static void last_refusal_has_the_words(void **state)
{
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		char *bytes = copy_of(replies[i].file);
		struct results r;

		assert_int_equal(results_parse(bytes, strlen(bytes), false, &r), RESULTS_OK);
		assert_string_equal(r.reply.code, replies[i].code);
		assert_string_equal(r.reply.dsn, replies[i].dsn);
		assert_string_equal(r.reply.text, replies[i].text);
		results_free(&r);
		free(bytes);
	}
}

static void existing_mime_version_stays(void **state)
{
	char bytes[] = "Mtext/html\nF\n";
	struct results r;

	assert_int_equal(results_parse(bytes, sizeof(bytes) - 1, true, &r), RESULTS_OK);
	assert_int_equal(r.changes.n, 1);
	results_free(&r);
}

static void counts_unknown_lines(void **state)
{
	char bytes[] = "\nZ\nF\n";
	struct results r;

	assert_int_equal(results_parse(bytes, sizeof(bytes) - 1, false, &r), RESULTS_OK);
	assert_int_equal(r.n_unknown, 2);
	assert_int_equal(r.unknown, ' ');
	results_free(&r);
}

static void has_limits(void **state)
{
	size_t line = WORKDIR_MAX_LINE + 1, n = (CHANGES_MAX + 1) * 5;
	char *bytes = malloc(n + 3);
	struct results r;

	memset(bytes, 'H', line);
	memcpy(bytes + line, "\nF\n", 4);
	assert_int_equal(results_parse(bytes, line + 3, false, &r), RESULTS_LINE_TOO_LONG);
	for (size_t i = 0; i < n; i += 5)
		memcpy(bytes + i, "Ha b\n", 5);
	memcpy(bytes + n, "F\n", 3);
	assert_int_equal(results_parse(bytes, n + 2, false, &r), RESULTS_TOO_MANY);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_each_line),
		cmocka_unit_test(last_refusal_has_the_words),
		cmocka_unit_test(existing_mime_version_stays),
		cmocka_unit_test(counts_unknown_lines),
		cmocka_unit_test(has_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
