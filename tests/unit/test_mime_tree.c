#include "mime/mime.h"

#include "exact.h"
#include "mime_fixture.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIXED "Content-Type: multipart/mixed; boundary=b\n\n"
#define INNER "Content-Type: multipart/mixed; boundary=c\n\n"
#define NESTED "Content-Type: message/rfc822\n\n"

/* A tree as text: `body` of a leaf, (children) of a container; a multipart has `pre|` and `|epi` where it has
 * them, and starts with its name; a head's fields stand before in angle brackets, without newlines, unless
 * they are Content-Type. */
static const struct {
	const char *message, *tree;
} trees[] = {
	{ "", "``" },
	{ "\nbody\n", "`body\n`" },
	{ "A: b\n\nbody", "<A: b>`body`" },
	{ "A: b", "<A: b>``" },
	/* whose newline is it */
	{ MIXED "--b\n\none\n--b\n\ntwo\n\n--b--\n", "m(`one``two\n`|)" },
	{ MIXED "--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\r\n--b--\r\n", "m(`one``two`|)" },
	{ MIXED "--b\n\n--b\n\n\n--b--", "m(````|)" },
	{ MIXED "pre\n--b--\nepi\n", "mpre|(|epi\n)" },
	{ MIXED "pre\n\n--b--", "mpre\n|(|)" },
	{ MIXED "pre\r\n\r\n--b--", "mpre\r|(|)" },
	{ MIXED "\n--b--", "m|(|)" },
	/* boundary lines */
	{ MIXED "--b \t\r\n\none\n--b--\t\n", "m(`one`|)" },
	{ MIXED "--b\n\none\n--bx\n --b\n--b --\n--b--x\n--b--", "m(`one\n--bx\n --b\n--b --\n--b--x`|)" },
	{ MIXED "--b--\n--b\n\none\n--b--\n", "m(|--b\n\none\n--b--\n)" },
	/* missing */
	{ MIXED "pre\n", "mpre|()" },
	{ MIXED "--b\n\none\n", "m(`one\n`)" },
	{ MIXED "--b", "m(``)" },
	{ MIXED, "m()" },
	{ "Content-Type: multipart/mixed\n\n--b\n", "`--b\n`" },
	{ "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\none\n----\n", "m(`one`|)" },
	/* in heads */
	{ MIXED "--b\nA: b\n--b\nC: d\n\none\n--b--", "m(``<C: d>`one`|)" },
	{ MIXED "--b\nA: b\n--b--\none\n--b--", "m(<A: b>`one`|)" },
	{ MIXED "--b\n--b\n\none\n--b--", "m(```one`|)" },
	/* levels */
	{ MIXED "--b\n" INNER "--c\n\none\n--c--\nepi\n--b\n\ntwo\n--b--", "m(m(`one`|epi)`two`|)" },
	{ MIXED "--b\n" INNER "--c\n\none\n--b\n\ntwo\n--b--", "m(m(`one`)`two`|)" },
	{ MIXED "--b\n" INNER "pre\n--b--", "m(mpre|()|)" },
	{ MIXED "--b\n" MIXED "--b\n\none\n--b--\n--b--", "m(m(`one`|)|)" },
	/* messages */
	{ NESTED "A: b\n\none\n", "n(<A: b>`one\n`)" },
	{ NESTED, "n(``)" },
	{ MIXED "--b\n" NESTED "A: b\n\none\n--b--", "m(n(<A: b>`one`)|)" },
	{ MIXED "--b\n" NESTED "A: b\n--b\n\ntwo\n--b--", "m(n(``)`two`|)" },
	{ "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\none\n--b--", "m(n(<A: b>`one`)|)" },
	{ "Content-Type: message/delivery-status\n\nA: b\n\n", "`A: b\n\n`" },
	/* uuencoded files */
	{ "A: b\n\ntext\nbegin 644 x\n#0V%T\n`\nend\nlost\n", "<A: b>m(`text\n``Cat`)" },
	{ "\n\nbegin 644 x\n#0V%T\nend\nbegin 600 y\n#0V%T", "m(`Cat``Cat`)" },
	{ "Content-Type: text/html\n\nbegin 644 x\nend\n", "`begin 644 x\nend\n`" },
};

static void tree_print(const struct mime *m, const struct mime_part *p, struct buf *out)
{
	for (size_t i = 0; i < p->n_headers; i++) {
		const struct mime_header *h = &p->headers[i];

		if (strncmp(h->line, "Content-Type", 12) == 0)
			continue;
		buf_addc(out, '<');
		buf_add(out, h->line, h->len - 1);
		buf_addc(out, '>');
	}
	if (p->kind == MIME_LEAF) {
		buf_addc(out, '`');
		assert_int_equal(mime_decode(m, p, out), 0);
		buf_addc(out, '`');
		return;
	}
	buf_addc(out, p->kind == MIME_MULTIPART ? 'm' : 'n');
	if (p->has_preamble) {
		assert_int_equal(mime_read(m, p->preamble, out), 0);
		buf_addc(out, '|');
	}
	buf_addc(out, '(');
	for (const struct mime_part *child = p->child; child != NULL; child = child->next)
		tree_print(m, child, out);
	if (p->has_epilogue) {
		buf_addc(out, '|');
		assert_int_equal(mime_read(m, p->epilogue, out), 0);
	}
	buf_addc(out, ')');
}

static void test_trees(void **state)
{
	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		size_t n = strlen(trees[i].message);
		char *message = exact_bytes(trees[i].message, n);
		struct mime *m;
		struct buf out;

		buf_init(&out, BUF_NO_LIMIT);
		assert_int_equal(mime_parse_bytes(message, n, &mime_defaults, &m), MIME_OK);
		tree_print(m, mime_root(m), &out);
		assert_string_equal(out.data, trees[i].tree);
		buf_free(&out);
		mime_free(m);
		free(message);
	}
}

static const struct {
	const char *head, *type, *effective_type, *encoding, *disposition, *name, *filename;
} heads[] = {
	{ "", "text/plain", "text/plain", "7bit", NULL, NULL, "" },
	{ "Content-Type: TEXT/Html; Name=a.txt\n", "text/html", "text/html", "7bit", NULL, "a.txt", "a.txt" },
	{ "Content-Disposition: ATTACHMENT; filename=b\nContent-Type: a/b; name=a\n", "a/b", "a/b", "7bit",
	  "attachment", "b", "b" },
	{ "Content-Disposition: inline; filename=\"\"\nContent-Type: a/b; name=a\n", "a/b", "a/b", "7bit",
	  "inline", "a", "a" },
	{ "Content-Description: =?utf-8?Q?a=2Eexe?=\n", "text/plain", "text/plain", "7bit", NULL, NULL,
	  "a.exe" },
	{ "Content-Transfer-Encoding: X-Odd\n", "text/plain", "application/octet-stream", "x-odd", NULL, NULL,
	  "" },
	{ "Content-Transfer-Encoding: 8-Bit\n", "text/plain", "text/plain", "8bit", NULL, NULL, "" },
	{ "Content-Type: multipart/mixed\n", "multipart/mixed", "application/x-unparseable-multipart", "7bit",
	  NULL, NULL, "" },
	{ "Content-Type: a/b\nContent-Type: c/d\n", "a/b", "a/b", "7bit", NULL, NULL, "" },
};

static void assert_text(const char *got, const char *expected)
{
	if (expected == NULL)
		assert_null(got);
	else
		assert_string_equal(got, expected);
}

static void test_heads(void **state)
{
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		const struct mime_part *p;
		struct mime *m;

		assert_int_equal(mime_parse_bytes(heads[i].head, strlen(heads[i].head), &mime_defaults, &m),
				 MIME_OK);
		p = mime_root(m);
		assert_text(p->type, heads[i].type);
		assert_text(p->effective_type, heads[i].effective_type);
		assert_text(p->encoding_name, heads[i].encoding);
		assert_text(p->disposition, heads[i].disposition);
		assert_text(p->name, heads[i].name);
		assert_text(mime_filename(p), heads[i].filename);
		mime_free(m);
	}
}

static const struct mime_options small = { .max_depth = 2,
					   .max_parts = 4,
					   .max_headers = 5,
					   .max_header_bytes = 200,
					   .max_body_bytes = 300,
					   .nested = true,
					   .uuencode = true };

static const struct {
	const char *message;
	enum mime_error error;
} limits[] = {
	{ MIXED "--b\n\n--b\n\n--b\n\n", MIME_OK },
	{ MIXED "--b\n\n--b\n\n--b\n\n--b\n\n", MIME_TOO_MANY_PARTS },
	{ NESTED NESTED "\n", MIME_OK },
	{ NESTED NESTED NESTED "\n", MIME_TOO_DEEP },
	{ MIXED "--b\n" INNER "--c\n\nbegin 644 x\nend\n", MIME_TOO_DEEP }, /* files in a text are a level */
	{ "\nbegin 644 x\nend\nbegin 644 x\nend\nbegin 644 x\nend\nbegin 644 x\nend\n", MIME_TOO_MANY_PARTS },
	{ "a:\nb:\nc:\nd:\ne:\n\n", MIME_OK },
	{ "a:\nb:\nc:\nd:\ne:\nf:\n\n", MIME_TOO_MANY_HEADERS },
	{ MIXED "--b\na:\nb:\nc:\n\n--b\na:\nb:\n", MIME_TOO_MANY_HEADERS },
};

static void test_limits(void **state)
{
	char head[201];
	struct mime *m = NULL;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const char *message = limits[i].message;

		m = NULL;
		assert_int_equal(mime_parse_bytes(message, strlen(message), &small, &m), limits[i].error);
		assert_int_equal(m == NULL, limits[i].error != MIME_OK);
		mime_free(m);
	}
	memset(head, 'x', sizeof(head));
	assert_int_equal(mime_parse_bytes(head, sizeof(head), &small, &m), MIME_HEADS_TOO_LONG);
	assert_int_equal(mime_parse_bytes(head, sizeof(head) - 1, &small, &m), MIME_OK);
	mime_free(m);
}

/* It is the decoded bytes that count. */
static void test_body_limit(void **state)
{
	static const struct {
		const char *encoding, *line;
		int lines;
		enum mime_error error;
	} bodies[] = {
		{ "base64", "QUJD\n", 100, MIME_OK }, /* 300 of 500 */
		{ "base64", "QUJD\n", 101, MIME_BODIES_TOO_LONG },
		{ "quoted-printable", "=41=42=\n", 150, MIME_OK },
		{ "8bit", "ABC\n", 75, MIME_OK },
		{ "8bit", "ABC\n", 76, MIME_BODIES_TOO_LONG },
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct buf message;
		struct mime *m = NULL;

		buf_init(&message, BUF_NO_LIMIT);
		buf_addf(&message, "Content-Transfer-Encoding: %s\n\n", bodies[i].encoding);
		for (int line = 0; line < bodies[i].lines; line++)
			buf_adds(&message, bodies[i].line);
		assert_int_equal(mime_parse_bytes(message.data, message.len, &small, &m), bodies[i].error);
		mime_free(m);
		buf_free(&message);
	}
}

/* Whatever the options say, a message cannot exhaust the stack. */
static void test_depth(void **state)
{
	struct mime_options o = mime_defaults;
	struct mime *m = NULL;
	struct buf message;

	o.max_depth = o.max_parts = UINT_MAX;
	buf_init(&message, BUF_NO_LIMIT);
	for (int i = 0; i < MIME_MAX_DEPTH; i++)
		buf_adds(&message, NESTED);
	assert_int_equal(mime_parse_bytes(message.data, message.len, &o, &m), MIME_OK);
	mime_free(m);
	buf_adds(&message, NESTED);
	assert_int_equal(mime_parse_bytes(message.data, message.len, &o, &m), MIME_TOO_DEEP);
	buf_free(&message);
}

static void test_options(void **state)
{
	struct mime_options o = mime_defaults;
	struct mime *m;

	o.nested = false;
	assert_int_equal(mime_parse_bytes(NESTED "A: b\n", strlen(NESTED "A: b\n"), &o, &m), MIME_OK);
	assert_int_equal(mime_root(m)->kind, MIME_LEAF);
	mime_free(m);
	o.uuencode = false;
	assert_int_equal(mime_parse_bytes("\nbegin 644 x\nend\n", 17, &o, &m), MIME_OK);
	assert_int_equal(mime_root(m)->kind, MIME_LEAF);
	mime_free(m);
}

static void test_exploded(void **state)
{
	static const char message[] =
		"A: b\nContent-Type: text/plain; name=t\nContent-Transfer-Encoding: 8bit\n\n"
		"begin 644 a b.exe\nend\nbegin 644 \nend\n";
	const struct mime_part *p;
	struct mime *m;

	assert_int_equal(mime_parse_bytes(message, sizeof(message) - 1, &mime_defaults, &m), MIME_OK);
	p = mime_root(m);
	assert_true(p->exploded);
	assert_string_equal(p->type, "multipart/mixed");
	assert_null(p->name);
	assert_int_equal(p->n_headers, 1);
	p = p->child;
	assert_true(p->synthetic);
	assert_string_equal(p->name, "a b.exe");
	assert_string_equal(mime_param(&p->disposition_params, "filename"), "a b.exe");
	assert_null(p->next->name);
	mime_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trees),    cmocka_unit_test(test_heads),
		cmocka_unit_test(test_limits),   cmocka_unit_test(test_body_limit),
		cmocka_unit_test(test_depth),    cmocka_unit_test(test_options),
		cmocka_unit_test(test_exploded),
	};

	return cmocka_run_group_tests(tests, mime_set_up, mime_tear_down);
}
