#include "milter/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *text, *folded, *unfolded;
	bool suspicious;
} values[] = {
	{ "", "", "", false },
	{ "plain", "plain", "plain", false },
	{ "a\n\tb\n  c", "a\n\tb\n  c", "a\tb  c", false },
	{ "a\r\n b", "a\n b", "a b", false },
	{ "a\rb", "a b", "ab", true },
	{ "a\r", "a ", "a", true },
	{ "a\r\r\n b", "a \n b", "a b", true },
	{ "a\nB: c", "a\n\tB: c", "aB: c", true },
	{ "a\r\nB: c", "a\n\tB: c", "aB: c", true },
	{ "a\n\nbody", "a\n\t\n\tbody", "abody", true },
	{ "a\n", "a\n\t", "a", true },
	{ "\n a", "\n a", " a", false },
	{ "\xe4\xf6", "\xe4\xf6", "\xe4\xf6", false },
};

static void header_values(void **state)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		buf_clear(&out);
		header_add_folded(&out, values[i].text);
		assert_string_equal(out.data, values[i].folded);
		buf_clear(&out);
		header_add_unfolded(&out, values[i].text);
		assert_string_equal(out.data, values[i].unfolded);
		assert_int_equal(header_is_suspicious("Name", values[i].text), values[i].suspicious);
	}
	buf_free(&out);
}

static const struct {
	const char *name, *shown;
	bool suspicious, valid;
} names[] = {
	{ "Subject", "Subject", false, true },
	{ "X!~", "X!~", false, true },
	{ "A\nB: c", "A B: c", true, false },
	{ "A\r\n\n", "A   ", true, false },
	{ "\rA", " A", true, false },
	{ "A B", "A B", false, false },
	{ "A:", "A:", false, false },
	{ "\xe4", "\xe4", false, false },
	{ "", "", false, false },
};

static void header_names(void **state)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		buf_clear(&out);
		header_add_name(&out, names[i].name);
		assert_string_equal(out.data, names[i].shown);
		assert_int_equal(header_is_suspicious(names[i].name, "value"), names[i].suspicious);
		assert_int_equal(header_is_name(names[i].name), names[i].valid);
	}
	buf_free(&out);
}

static const struct {
	const char *value;
	size_t len;
} addresses[] = {
	{ "192.0.2.1", 9 },
	{ "192.0.2.1 trailing", 9 },
	{ "255.255.255.255", 15 },
	{ "0.0.0.0;x", 7 },
	{ "256.0.0.1", 0 },
	{ "1.2.3", 0 },
	{ "1.2.3.", 0 },
	{ " 1.2.3.4", 0 },
	{ "1.2.3.1000", 0 },
	{ "2001:db8::1", 0 },
	{ "", 0 },
	{ "1..2.3", 0 },
};

static void leading_addresses(void **state)
{
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		assert_int_equal(header_leading_ipv4(addresses[i].value), addresses[i].len);
}

static const struct {
	const char *sent;
	bool lead_space;
	const char *gap, *value;
} fields[] = {
	{ "v", false, " ", "v" },   { " v", false, " ", " v" }, { "", false, " ", "" },
	{ "v", true, "", "v" },     { " v", true, " ", "v" },   { "  v", true, " ", " v" },
	{ "\tv", true, "", "\tv" }, { "", true, "", "" },       { " ", true, " ", "" },
};

static void fields_taken_apart(void **state)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct header_field f = header_field("X-A", fields[i].sent, fields[i].lead_space);

		assert_string_equal(f.name, "X-A");
		assert_string_equal(f.gap, fields[i].gap);
		assert_string_equal(f.value, fields[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_values),
		cmocka_unit_test(header_names),
		cmocka_unit_test(fields_taken_apart),
		cmocka_unit_test(leading_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
