#include "mime/field.h"

#include "mime/mime.h"

#include "mime_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* `params` as name=value; in the order of names, utf8 ones marked with a plus. */
static const struct {
	const char *line, *value, *params;
} fields[] = {
	{ "X: text/html\n", "text/html", "" },
	{ "X:TEXT/html;\n", "TEXT/html", "" },
	{ "X: (c) a/b (d); (e) n=v (f)\n", "a/b", "n=v;" },
	{ "X: a/b c/d; n=v\n", "a/b", "n=v;" },
	{ "X: ; n=v\n", "", "n=v;" },
	{ "X:\n", "", "" },
	{ "X: a/b (no end; n=v\n", "a/b", "n=v;" },
	/* values */
	{ "X: a; N = v; m=\"w\"\n", "a", "m=w;n=v;" },
	{ "X: a; n=\"x y;z\"; m=2\n", "a", "m=2;n=x y;z;" },
	{ "X: a; n=\"x\\\"y\\\\z\"\n", "a", "n=x\"y\\z;" },
	{ "X: a;\n\tn=\"x\n y\"\n", "a", "n=x y;" },
	{ "X: a; n=two words; m=2\n", "a", "m=2;n=two;" },
	{ "X: a; n=\"never ends; m=2\n", "a", "m=2;" },
	{ "X: a; n=\"\\\n", "a", "" },
	{ "X: a; n=x\xfcy\n", "a", "n=x;" },
	{ "X: a; n==?utf-8?Q?a=20b?=; m=2\n", "a", "m=2;n==?utf-8?Q?a=20b?=;" },
	{ "X: a; n=1; n=2\n", "a", "n=2;" },
	{ "X: a; n=; m=2\n", "a", "m=2;" },
	{ "X: a;;; n=1\n", "a", "n=1;" },
	/* what ends a field */
	{ "X: a; junk; n=1\n", "a", "" },
	{ "X: a; ju nk=1; n=1\n", "a", "" },
	{ "X: a; =1; n=1\n", "a", "" },
	/* RFC 2231 */
	{ "X: a; n*=utf-8''f%C3%BC\n", "a", "+n=f\xc3\xbc;" },
	{ "X: a; n*=iso-8859-1'de'f%FC\n", "a", "+n=f\xc3\xbc;" },
	{ "X: a; n*=f%41\n", "a", "n=fA;" },
	{ "X: a; n*=utf-8'x\n", "a", "+n=x;" },
	{ "X: a; n*=x-none''a%FCb\n", "a", "+n=a\\xFCb;" },
	{ "X: a; n*=utf-8''a%4\n", "a", "+n=a%4;" },
	{ "X: a; n*1=b; n*0=a\n", "a", "n=ab;" },
	{ "X: a; n*0*=utf-8''f%C3; n*1*=%BC; n*2=x%41\n", "a", "+n=f\xc3\xbcx%41;" },
	{ "X: a; n*10=k; n*2=b; n*0=a\n", "a", "n=abk;" },
	{ "X: a; n=plain; n*=utf-8''other\n", "a", "+n=other;" },
};

static void field_print(const struct field *f, struct buf *out)
{
	for (size_t i = 0; i < f->params.n; i++) {
		const struct mime_param *p = &f->params.v[i];

		buf_addf(out, "%s%s=%s;", p->utf8 ? "+" : "", p->name, p->value);
	}
}

static void test_fields(void **state)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct mime_header h = { fields[i].line, strlen(fields[i].line), 1 };
		struct arena arena = { .blocks = NULL };
		struct field f;
		struct buf params;

		buf_init(&params, BUF_NO_LIMIT);
		assert_int_equal(field_parse(&arena, &h, &f), 0);
		assert_string_equal(f.value, fields[i].value);
		field_print(&f, &params);
		assert_string_equal(params.data, fields[i].params);
		buf_free(&params);
		arena_free(&arena);
	}
}

static void test_absent(void **state)
{
	struct arena arena = { .blocks = NULL };
	struct field f;

	assert_int_equal(field_parse(&arena, NULL, &f), 0);
	assert_string_equal(f.value, "");
	assert_null(field_param(&f.params, "n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_absent),
	};

	return cmocka_run_group_tests(tests, mime_set_up, mime_tear_down);
}
