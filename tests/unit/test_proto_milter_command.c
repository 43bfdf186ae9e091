#include "proto/milter.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(literal) literal, sizeof(literal) - 1
#define TEXT_107                                             \
	"01234567890123456789012345678901234567890123456789" \
	"01234567890123456789012345678901234567890123456789" \
	"0123456"

/* Parse a packet whose data is a copy of exact size; *data is for the caller to free when it is done with
 * *out, which points into it. */
static enum milter_error parse(char letter, const char *bytes, size_t n, struct milter_msg *out, char **data)
{
	*data = exact_bytes(bytes, n);
	return milter_parse(&(struct milter_packet){ letter, *data, n }, out);
}

/* What is right is the same again after milter_put(); what is wrong is told so and leaves *out alone. */
static const struct {
	char letter;
	const char *data;
	size_t n;
	enum milter_error error;
} packets[] = {
	/* OPTNEG */
	{ 'O', BYTES("\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"), MILTER_OK },
	{ 'O', BYTES("\0\0\0\2\0\0\0\0\0\0\0\0"), MILTER_OK },
	{ 'O', BYTES("\0\0\0\6\0\0\1\xff\0\x1f\xff\xff\0\0\0\0j\0"), MILTER_OK },
	{ 'O', BYTES("\0\0\0\6\0\0\1\xff\0\x1f\xff"), MILTER_MALFORMED },
	{ 'O', BYTES(""), MILTER_MALFORMED },
	/* CONNECT */
	{ 'C',
	  BYTES("h.x\0004\x04\xd2"
		"192.0.2.1\0"),
	  MILTER_OK },
	{ 'C', BYTES("localhost\0006\0\0::1\0"), MILTER_OK },
	{ 'C', BYTES("localhost\0006\0\0IPv6:0:0:0:0:0:0:0:1\0"), MILTER_OK },
	{ 'C', BYTES("localhost\0006\0\0ipv6:::1\0"), MILTER_OK },
	{ 'C', BYTES("h\0006\0\0::ffff:192.0.2.1\0"), MILTER_OK },
	{ 'C', BYTES("localhost\0L\0\0/run/x\0"), MILTER_OK },
	{ 'C', BYTES("h\0L\0\0" TEXT_107 "\0"), MILTER_OK },
	{ 'C', BYTES("unknown\0U"), MILTER_OK },
	{ 'C', BYTES("\0U"), MILTER_OK },
	{ 'C', BYTES(""), MILTER_MALFORMED },
	{ 'C', BYTES("h.x"), MILTER_MALFORMED },
	{ 'C', BYTES("h.x\0"), MILTER_MALFORMED },
	{ 'C', BYTES("h.x\0004"), MILTER_MALFORMED },
	{ 'C', BYTES("h.x\0004\x04"), MILTER_MALFORMED },
	{ 'C', BYTES("h.x\0004\x04\xd2"), MILTER_MALFORMED },
	{ 'C',
	  BYTES("h.x\0004\x04\xd2"
		"192.0.2.1"),
	  MILTER_MALFORMED },
	{ 'C',
	  BYTES("h.x\0004\x04\xd2"
		"192.0.2.256\0"),
	  MILTER_MALFORMED },
	{ 'C',
	  BYTES("h.x\0004\x04\xd2"
		"::1\0"),
	  MILTER_MALFORMED },
	{ 'C',
	  BYTES("h.x\0006\x04\xd2"
		"192.0.2.1\0"),
	  MILTER_MALFORMED },
	{ 'C',
	  BYTES("h.x\0006\x04\xd2"
		"IPv6:\0"),
	  MILTER_MALFORMED },
	{ 'C',
	  BYTES("h.x\0X\x04\xd2"
		"192.0.2.1\0"),
	  MILTER_MALFORMED },
	{ 'C', BYTES("h\0L\0\0" TEXT_107 "x\0"), MILTER_MALFORMED },
	/* HELO, UNKNOWN */
	{ 'H', BYTES("h.x\0"), MILTER_OK },
	{ 'H', BYTES("\0"), MILTER_OK },
	{ 'H', BYTES("h.x"), MILTER_MALFORMED },
	{ 'H', BYTES(""), MILTER_MALFORMED },
	{ 'U', BYTES("FOOBAR x y\0"), MILTER_OK },
	{ 'U', BYTES("FOOBAR"), MILTER_MALFORMED },
	{ 'U', BYTES(""), MILTER_MALFORMED },
	/* MACRO */
	{ 'D', BYTES("Cj\0mx\0{daemon_name}\0d\0"), MILTER_OK },
	{ 'D', BYTES("H"), MILTER_OK },
	{ 'D', BYTES("Ci\0"), MILTER_OK }, /* a name without a value */
	{ 'D', BYTES("Ci"), MILTER_OK },   /* no string at all */
	{ 'D', BYTES("\xff"), MILTER_OK }, /* unknown stages are for the session to ignore */
	{ 'D', BYTES(""), MILTER_MALFORMED },
	/* MAIL, RCPT */
	{ 'M', BYTES("<a@x>\0SIZE=9\0"), MILTER_OK },
	{ 'M', BYTES("\0"), MILTER_OK },
	{ 'M', BYTES("<a@x>\0SIZE=9\0BODY"), MILTER_OK }, /* the last one is dropped by the reader */
	{ 'M', BYTES("<a@x>"), MILTER_MALFORMED },
	{ 'M', BYTES(""), MILTER_MALFORMED },
	{ 'R', BYTES("<b@y>\0"), MILTER_OK },
	{ 'R', BYTES("<b@y>"), MILTER_MALFORMED },
	/* HEADER */
	{ 'L', BYTES("Subject\0hi\0"), MILTER_OK },
	{ 'L', BYTES("X\0\0"), MILTER_OK },
	{ 'L', BYTES("X\0a\n\tb\xff\0"), MILTER_OK },
	{ 'L', BYTES("\0hi\0"), MILTER_MALFORMED },
	{ 'L', BYTES("Subject\0hi"), MILTER_MALFORMED },
	{ 'L', BYTES("Subject\0"), MILTER_MALFORMED },
	{ 'L', BYTES("Subject"), MILTER_MALFORMED },
	{ 'L', BYTES(""), MILTER_MALFORMED },
	/* BODY, EOM */
	{ 'B', BYTES("ok\r\n"), MILTER_OK },
	{ 'B', BYTES("\0"), MILTER_OK },
	{ 'B', BYTES(""), MILTER_MALFORMED },
	{ 'E', BYTES(""), MILTER_OK },
	{ 'E', BYTES("last piece"), MILTER_OK },
	/* no data */
	{ 'T', BYTES(""), MILTER_OK },
	{ 'N', BYTES(""), MILTER_OK },
	{ 'A', BYTES(""), MILTER_OK },
	{ 'Q', BYTES(""), MILTER_OK },
	{ 'K', BYTES(""), MILTER_OK },
	/* no such letter */
	{ 'X', BYTES(""), MILTER_UNKNOWN_LETTER },
	{ 'o', BYTES("x"), MILTER_UNKNOWN_LETTER },
	{ '\0', BYTES("x"), MILTER_UNKNOWN_LETTER },
	{ '\n', BYTES("x"), MILTER_UNKNOWN_LETTER },
	{ '\xff', BYTES("x"), MILTER_UNKNOWN_LETTER },
};

static void assert_same_again(const struct milter_msg *m, char letter, const char *data, size_t n)
{
	struct milter_packet p;
	struct buf out;
	size_t used;

	buf_init(&out, BUF_NO_LIMIT);
	milter_put(&out, m);
	assert_int_equal(milter_frame(out.data, out.len, MILTER_MAX_DATA, &p, &used), MILTER_FRAME_WHOLE);
	assert_int_equal(used, out.len);
	assert_int_equal(p.letter, letter);
	assert_int_equal(p.len, n);
	assert_memory_equal(p.data, data, n);
	buf_free(&out);
}

static void test_packets(void **state)
{
	for (size_t i = 0; i < N(packets); i++) {
		struct milter_msg m = { .command = MILTER_QUIT };
		char *data;

		assert_int_equal(parse(packets[i].letter, packets[i].data, packets[i].n, &m, &data),
				 packets[i].error);
		if (packets[i].error == MILTER_OK)
			assert_same_again(&m, packets[i].letter, packets[i].data, packets[i].n);
		else
			assert_int_equal(m.command, MILTER_QUIT);
		free(data);
	}
}

/* Data behind what belongs there does no harm. */
static void test_surplus(void **state)
{
	static const struct {
		char letter;
		const char *data;
		size_t n;
	} surplus[] = {
		{ 'T', BYTES("x") },
		{ 'N', BYTES("x") },
		{ 'A', BYTES("x") },
		{ 'Q', BYTES("x") },
		{ 'K', BYTES("x") },
		{ 'H', BYTES("h\0x") },
		{ 'L', BYTES("X\0v\0third\0") },
		{ 'C', BYTES("h\0Usurplus") },
		{ 'C', BYTES("h\0004\0\0"
			     "192.0.2.1\0x") },
	};

	for (size_t i = 0; i < N(surplus); i++) {
		struct milter_msg m;
		char *data;

		assert_int_equal(parse(surplus[i].letter, surplus[i].data, surplus[i].n, &m, &data),
				 MILTER_OK);
		free(data);
	}
}

static void test_connect_fields(void **state)
{
	struct milter_msg m;
	char *data;

	assert_int_equal(parse('C', BYTES("h.x\0006\xff\xfeIPv6:::1\0"), &m, &data), MILTER_OK);
	assert_string_equal(m.connect.host, "h.x");
	assert_int_equal(m.connect.family, '6');
	assert_int_equal(m.connect.port, 65534);
	assert_string_equal(m.connect.address, "IPv6:::1"); /* as it stands */
	free(data);
	assert_int_equal(parse('C', BYTES("unknown\0U"), &m, &data), MILTER_OK);
	assert_int_equal(m.connect.port, 0);
	assert_string_equal(m.connect.address, "");
	free(data);
}

static void test_envelope_args(void **state)
{
	struct milter_msg m;
	char *data;

	assert_int_equal(parse('M', BYTES("<a b@x>\0SIZE=9\0BODY=8BITMIME\0cut"), &m, &data), MILTER_OK);
	assert_string_equal(m.envelope.address, "<a b@x>");
	assert_string_equal(milter_next(&m.envelope.args), "SIZE=9");
	assert_string_equal(milter_next(&m.envelope.args), "BODY=8BITMIME");
	assert_null(milter_next(&m.envelope.args));
	free(data);
}

static void test_macro_pairs(void **state)
{
	struct milter_msg m;
	char *data;

	assert_int_equal(parse('D', BYTES("Mi\0Q1\0{mail_addr}\0"), &m, &data), MILTER_OK);
	assert_int_equal(m.macro.stage, 'M');
	assert_string_equal(milter_next(&m.macro.pairs), "i");
	assert_string_equal(milter_next(&m.macro.pairs), "Q1");
	assert_string_equal(milter_next(&m.macro.pairs), "{mail_addr}");
	assert_null(milter_next(&m.macro.pairs)); /* its value is missing */
	free(data);
}

static void test_lists(void **state)
{
	struct milter_msg m;
	uint32_t stage;
	const char *names;
	char *data;

	/* two lists, then one that is cut short */
	assert_int_equal(parse('O',
			       BYTES("\0\0\0\6\0\0\1\0\0\0\0\0"
				     "\0\0\0\2i {mail_addr}\0"
				     "\0\0\0\x9\0"
				     "\0\0\0\1cut"),
			       &m, &data),
			 MILTER_OK);
	assert_int_equal(milter_next_list(&m.optneg.lists, &stage, &names), 0);
	assert_int_equal(stage, MILTER_AT_MAIL);
	assert_string_equal(names, "i {mail_addr}");
	assert_int_equal(milter_next_list(&m.optneg.lists, &stage, &names), 0);
	assert_int_equal(stage, 9);
	assert_string_equal(names, "");
	assert_int_equal(milter_next_list(&m.optneg.lists, &stage, &names), -1);
	assert_int_equal(milter_next_list(&m.optneg.lists, &stage, &names), -1);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),        cmocka_unit_test(test_surplus),
		cmocka_unit_test(test_connect_fields), cmocka_unit_test(test_envelope_args),
		cmocka_unit_test(test_macro_pairs),    cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
