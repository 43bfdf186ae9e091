/* The codec at work: framing, names, and the recorded session of a real milter, byte for byte. The two
 * directions have tests of their own, test_proto_milter_command.c and test_proto_milter_response.c. */
#include "proto/milter.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *bytes;
	size_t n;
	enum milter_frame result;
	size_t used;
} frames[] = {
	{ "", 0, MILTER_FRAME_MORE, 4 },
	{ "\0\0\0", 3, MILTER_FRAME_MORE, 4 },
	{ "\0\0\0\1", 4, MILTER_FRAME_MORE, 5 },
	{ "\0\0\0\1E", 5, MILTER_FRAME_WHOLE, 5 },
	{ "\0\0\0\1EQQ", 7, MILTER_FRAME_WHOLE, 5 },
	{ "\0\0\0\3Lab", 7, MILTER_FRAME_WHOLE, 7 },
	{ "\0\0\0\3La", 6, MILTER_FRAME_MORE, 7 },
	{ "\0\0\0\0", 4, MILTER_FRAME_EMPTY, 4 },
	{ "\0\1\0\0", 4, MILTER_FRAME_MORE, 65540 }, /* 65535 bytes of data: the most */
	{ "\0\1\0\1", 4, MILTER_FRAME_TOO_LONG, 4 }, /* one more: told by the length alone */
	{ "\x80\0\0\0", 4, MILTER_FRAME_TOO_LONG, 4 },
	{ "\xff\xff\xff\xff", 4, MILTER_FRAME_TOO_LONG, 4 },
	{ "HTTP", 4, MILTER_FRAME_TOO_LONG, 4 },
};

static void test_frame(void **state)
{
	for (size_t i = 0; i < N(frames); i++) {
		char *in = exact_bytes(frames[i].bytes, frames[i].n);
		struct milter_packet p;
		size_t used;

		assert_int_equal(milter_frame(in, frames[i].n, MILTER_MAX_DATA, &p, &used), frames[i].result);
		assert_int_equal(used, frames[i].used);
		if (frames[i].result == MILTER_FRAME_WHOLE) {
			assert_int_equal(p.letter, in[4]);
			assert_ptr_equal(p.data, in + 5);
			assert_int_equal(p.len, used - 5);
		}
		free(in);
	}
}

static void test_masks(void **state)
{
	static const struct {
		uint32_t version, actions, protocol;
	} masks[] = {
		{ 2, 0x3f, 0x7f },  { 3, 0x3f, 0x17f },     { 4, 0x3f, 0x37f },
		{ 5, 0x3f, 0x37f }, { 6, 0x1ff, 0x1fffff }, { 7, 0x1ff, 0x1fffff },
	};

	for (size_t i = 0; i < N(masks); i++) {
		assert_int_equal(milter_actions_of(masks[i].version), masks[i].actions);
		assert_int_equal(milter_protocol_of(masks[i].version), masks[i].protocol);
	}
}

static void test_names(void **state)
{
	assert_string_equal(milter_command_name('C'), "CONNECT");
	assert_string_equal(milter_command_name('K'), "QUIT_NC");
	assert_string_equal(milter_command_name('\0'), "?");
	assert_string_equal(milter_response_name('h'), "ADDHEADER");
	assert_string_equal(milter_response_name('4'), "SHUTDOWN");
	assert_string_equal(milter_response_name('O'), "OPTNEG");
	assert_string_equal(milter_response_name('\x80'), "?");
}

static void test_verdicts(void **state)
{
	for (const char *c = "cartdys4f"; *c != '\0'; c++)
		assert_true(milter_is_verdict((enum milter_response) * c));
	for (const char *c = "phimb+2-eq"; *c != '\0'; c++)
		assert_false(milter_is_verdict((enum milter_response) * c));
}

static void test_strings(void **state)
{
	char *bytes = exact_bytes("a\0\0bc\0rest", 10);
	struct milter_strings s = { bytes, bytes + 10 };

	assert_string_equal(milter_next(&s), "a");
	assert_string_equal(milter_next(&s), "");
	assert_string_equal(milter_next(&s), "bc");
	assert_null(milter_next(&s));
	assert_null(milter_next(&s));
	free(bytes);
}

/* A session recorded between a mail server and a filter: MTA side first, then the filter's. */

static void expect(struct buf *out, const char *bytes, size_t n)
{
	assert_int_equal(buf_error(out), 0);
	assert_int_equal(out->len, n);
	assert_memory_equal(out->data, bytes, n);
	buf_clear(out);
}

#define EXPECT(out, literal) expect(out, literal, sizeof(literal) - 1)

static void test_session_mta(void **state)
{
	static const char *const names[] = { "j", "{daemon_name}" }, *const values[] = { "mx", "d" };
	static const char *const args[] = { "SIZE=9" };
	struct milter_msg m = { .command = MILTER_OPTNEG, .optneg = { 6, MILTER_F_ALL, MILTER_P_ALL } };
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	milter_put(&out, &m);
	EXPECT(&out, "\x00\x00\x00\x0d\x4f\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff");
	milter_put_macros(&out, MILTER_CONNECT, names, values, 2);
	EXPECT(&out, "\x00\x00\x00\x17\x44\x43\x6a\x00\x6d\x78\x00\x7b\x64\x61\x65\x6d\x6f\x6e\x5f\x6e"
		     "\x61\x6d\x65\x7d\x00\x64\x00");
	m = (struct milter_msg){ .command = MILTER_CONNECT, .connect = { "h.x", '4', 1234, "192.0.2.1" } };
	milter_put(&out, &m);
	EXPECT(&out, "\x00\x00\x00\x12\x43\x68\x2e\x78\x00\x34\x04\xd2\x31\x39\x32\x2e\x30\x2e\x32\x2e\x31"
		     "\x00");
	m = (struct milter_msg){ .command = MILTER_HELO, .text = "h.x" };
	milter_put(&out, &m);
	EXPECT(&out, "\x00\x00\x00\x05\x48\x68\x2e\x78\x00");
	milter_put_envelope(&out, MILTER_MAIL, "<a@x>", args, 1);
	EXPECT(&out, "\x00\x00\x00\x0e\x4d\x3c\x61\x40\x78\x3e\x00\x53\x49\x5a\x45\x3d\x39\x00");
	milter_put_envelope(&out, MILTER_RCPT, "<b@y>", NULL, 0);
	EXPECT(&out, "\x00\x00\x00\x07\x52\x3c\x62\x40\x79\x3e\x00");
	m = (struct milter_msg){ .command = MILTER_DATA };
	milter_put(&out, &m);
	EXPECT(&out, "\x00\x00\x00\x01\x54");
	m = (struct milter_msg){ .command = MILTER_HEADER, .header = { "Subject", "hi" } };
	milter_put(&out, &m);
	EXPECT(&out, "\x00\x00\x00\x0c\x4c\x53\x75\x62\x6a\x65\x63\x74\x00\x68\x69\x00");
	m = (struct milter_msg){ .command = MILTER_EOH };
	milter_put(&out, &m);
	EXPECT(&out, "\x00\x00\x00\x01\x4e");
	m = (struct milter_msg){ .command = MILTER_BODY, .body = { "ok\r\n", 4 } };
	milter_put(&out, &m);
	EXPECT(&out, "\x00\x00\x00\x05\x42\x6f\x6b\x0d\x0a");
	m = (struct milter_msg){ .command = MILTER_EOM };
	milter_put(&out, &m);
	EXPECT(&out, "\x00\x00\x00\x01\x45");
	m = (struct milter_msg){ .command = MILTER_QUIT };
	milter_put(&out, &m);
	EXPECT(&out, "\x00\x00\x00\x01\x51");
	buf_free(&out);
}

static void test_session_filter(void **state)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	milter_put_optneg(&out, 6, MILTER_F_ADDHDRS, 0, NULL);
	EXPECT(&out, "\x00\x00\x00\x0d\x4f\x00\x00\x00\x06\x00\x00\x00\x01\x00\x00\x00\x00");
	milter_put_letter(&out, MILTER_CONTINUE);
	EXPECT(&out, "\x00\x00\x00\x01\x63");
	milter_put_text2(&out, MILTER_ADDHEADER, "X-Null", "headers=1 body=4");
	EXPECT(&out, "\x00\x00\x00\x19\x68\x58\x2d\x4e\x75\x6c\x6c\x00\x68\x65\x61\x64\x65\x72\x73\x3d\x31"
		     "\x20\x62\x6f\x64\x79\x3d\x34\x00");
	milter_put_letter(&out, MILTER_ACCEPT);
	EXPECT(&out, "\x00\x00\x00\x01\x61");
	buf_free(&out);
}

/* A buffer that fills up in the middle of a packet fails as a whole and is not written past its end. */
static void test_full_buffer(void **state)
{
	struct buf out;

	for (size_t limit = 0; limit < 12; limit++) {
		buf_init(&out, limit);
		milter_put_text2(&out, MILTER_ADDHEADER, "X-A", "bc");
		assert_int_not_equal(buf_error(&out), 0);
		assert_true(out.len <= limit);
		buf_free(&out);
	}
}

static void test_action_names(void **state)
{
	static const struct {
		uint32_t actions;
		const char *names;
	} cases[] = {
		{ 0, "" },
		{ MILTER_F_CHGBODY, "CHGBODY" },
		{ MILTER_F_ALL, "ADDHDRS, CHGBODY, ADDRCPT, DELRCPT, CHGHDRS, QUARANTINE, CHGFROM, "
				"ADDRCPT_PAR, SETSYMLIST" },
		{ 0x80000200, "" },
	};

	for (size_t i = 0; i < N(cases); i++) {
		struct buf out;

		buf_init(&out, BUF_NO_LIMIT);
		milter_name_actions(&out, cases[i].actions);
		assert_string_equal(out.data, cases[i].names);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_action_names), cmocka_unit_test(test_frame),
		cmocka_unit_test(test_masks),        cmocka_unit_test(test_names),
		cmocka_unit_test(test_verdicts),     cmocka_unit_test(test_strings),
		cmocka_unit_test(test_session_mta),  cmocka_unit_test(test_session_filter),
		cmocka_unit_test(test_full_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
