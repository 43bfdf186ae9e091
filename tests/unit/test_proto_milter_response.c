#include "proto/milter.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(literal) literal, sizeof(literal) - 1

static enum milter_error parse(char letter, const char *bytes, size_t n, struct milter_answer *out,
			       char **data)
{
	*data = exact_bytes(bytes, n);
	return milter_answer_parse(&(struct milter_packet){ letter, *data, n }, out);
}

static const struct {
	char letter;
	const char *data;
	size_t n;
	enum milter_error error;
} packets[] = {
	/* without data */
	{ 'c', BYTES(""), MILTER_OK },
	{ 'a', BYTES(""), MILTER_OK },
	{ 'r', BYTES(""), MILTER_OK },
	{ 't', BYTES(""), MILTER_OK },
	{ 'd', BYTES(""), MILTER_OK },
	{ 's', BYTES(""), MILTER_OK },
	{ 'p', BYTES(""), MILTER_OK },
	{ '4', BYTES(""), MILTER_OK },
	{ 'f', BYTES(""), MILTER_OK },
	{ 'c', BYTES("x"), MILTER_MALFORMED },
	{ 'p', BYTES("\0"), MILTER_MALFORMED },
	/* REPLYCODE */
	{ 'y', BYTES("550 5.7.1 No\0"), MILTER_OK },
	{ 'y', BYTES("450 4.7.1 Later\0"), MILTER_OK },
	{ 'y', BYTES("421 \0"), MILTER_OK },
	{ 'y', BYTES("550 No status\0"), MILTER_OK },
	{ 'y', BYTES("550 100%% sure\0"), MILTER_OK },
	{ 'y', BYTES("550 4.5 is no status\0"), MILTER_OK },
	{ 'y', BYTES("550 1.2.3456 is none\0"), MILTER_OK },
	{ 'y', BYTES("550-5.7.1 a\r\n550 5.7.1 b\0"), MILTER_OK },
	{ 'y', BYTES("550-5.7.1 a\r\n550-\r\n550 b\0"), MILTER_OK },
	{ 'y', BYTES("550 5.7.1 No"), MILTER_MALFORMED },
	{ 'y', BYTES("550 5.7.1 No\0x"), MILTER_MALFORMED },
	{ 'y', BYTES("250 2.1.0 Ok\0"), MILTER_MALFORMED },
	{ 'y', BYTES("550 4.7.1 class\0"), MILTER_MALFORMED },
	{ 'y', BYTES("550-5.7.1 a\r\n550 4.7.1 b\0"), MILTER_MALFORMED },
	{ 'y', BYTES("550-5.7.1 a\r\n551 5.7.1 b\0"), MILTER_MALFORMED },
	{ 'y', BYTES("550 5.7.1 a\r\n550 5.7.1 b\0"), MILTER_MALFORMED },
	{ 'y', BYTES("550-5.7.1 a\n550 5.7.1 b\0"), MILTER_MALFORMED },
	{ 'y', BYTES("550-5.7.1 a\r550 5.7.1 b\0"), MILTER_MALFORMED },
	{ 'y', BYTES("550-5.7.1 a\r\n\0"), MILTER_MALFORMED },
	{ 'y', BYTES("550-5.7.1 a\0"), MILTER_MALFORMED },
	{ 'y', BYTES("550\0"), MILTER_MALFORMED },
	{ 'y', BYTES("5500 a\0"), MILTER_MALFORMED },
	{ 'y', BYTES("No\0"), MILTER_MALFORMED },
	{ 'y', BYTES("\0"), MILTER_MALFORMED },
	{ 'y', BYTES(""), MILTER_MALFORMED },
	/* headers */
	{ 'h', BYTES("X-A\0v\0"), MILTER_OK },
	{ 'h', BYTES("X-A\0\0"), MILTER_OK },
	{ 'h', BYTES("\0v\0"), MILTER_MALFORMED },
	{ 'h', BYTES("X-A\0v"), MILTER_MALFORMED },
	{ 'h', BYTES("X-A\0v\0x"), MILTER_MALFORMED },
	{ 'h', BYTES("X-A\0"), MILTER_MALFORMED },
	{ 'i', BYTES("\0\0\0\1X-A\0v\0"), MILTER_OK },
	{ 'i', BYTES("\xff\xff\xff\xffX-A\0v\0"), MILTER_OK },
	{ 'i', BYTES("\0\0\0"), MILTER_MALFORMED },
	{ 'i', BYTES("\0\0\0\1"), MILTER_MALFORMED },
	{ 'm', BYTES("\0\0\0\2To\0\0"), MILTER_OK },
	{ 'm', BYTES("\0\0\0\2To\0"), MILTER_MALFORMED },
	/* envelope */
	{ '+', BYTES("<a@x>\0"), MILTER_OK },
	{ '+', BYTES("<a@x>"), MILTER_MALFORMED },
	{ '+', BYTES("<a@x>\0NOTIFY=NEVER\0"), MILTER_MALFORMED },
	{ '-', BYTES("<a@x>\0"), MILTER_OK },
	{ '-', BYTES(""), MILTER_MALFORMED },
	{ '2', BYTES("<a@x>\0NOTIFY=NEVER\0"), MILTER_OK },
	{ '2', BYTES("<a@x>\0"), MILTER_OK },
	{ '2', BYTES("<a@x>\0NOTIFY=NEVER"), MILTER_MALFORMED },
	{ '2', BYTES("<a@x>\0a\0b\0"), MILTER_MALFORMED },
	{ 'e', BYTES("<>\0"), MILTER_OK },
	{ 'e', BYTES("<>\0RET=HDRS\0"), MILTER_OK },
	{ 'e', BYTES("<>"), MILTER_MALFORMED },
	/* the rest */
	{ 'q', BYTES("virus\0"), MILTER_OK },
	{ 'q', BYTES("virus"), MILTER_MALFORMED },
	{ 'q', BYTES("virus\0x"), MILTER_MALFORMED },
	{ 'b', BYTES(""), MILTER_OK },
	{ 'b', BYTES("a\r\n\0b"), MILTER_OK },
	{ 'O', BYTES("\0\0\0\6\0\0\0\1\0\0\0\0"), MILTER_OK },
	{ 'O', BYTES("\0\0\0\6\0\0\0\1\0\0\0"), MILTER_MALFORMED },
	{ 'l', BYTES("\0\0\0\0j\0"), MILTER_UNKNOWN_LETTER },
	{ '\0', BYTES(""), MILTER_UNKNOWN_LETTER },
};

static void test_packets(void **state)
{
	for (size_t i = 0; i < N(packets); i++) {
		struct milter_answer a = { .response = MILTER_PROGRESS };
		char *data;

		assert_int_equal(parse(packets[i].letter, packets[i].data, packets[i].n, &a, &data),
				 packets[i].error);
		assert_int_equal(a.response,
				 packets[i].error == MILTER_OK ? packets[i].letter : MILTER_PROGRESS);
		free(data);
	}
}

/* Parse the first packet of `out`, and drop it when `data` is given up. */
static void answer_of(struct buf *out, struct milter_answer *a, char **data)
{
	struct milter_packet p;
	size_t used;

	assert_int_equal(milter_frame(out->data, out->len, MILTER_MAX_REPLY_DATA, &p, &used),
			 MILTER_FRAME_WHOLE);
	assert_int_equal(parse(p.letter, p.data, p.len, a, data), MILTER_OK);
	assert_int_equal(a->is_optneg, a->response == (enum milter_response)MILTER_OPTNEG);
	buf_consume(out, used);
}

static void test_letters(void **state)
{
	struct milter_answer a;
	struct buf out;
	char *data;

	buf_init(&out, BUF_NO_LIMIT);
	for (const char *c = "cartdsp4f"; *c != '\0'; c++) {
		milter_put_letter(&out, (enum milter_response) * c);
		answer_of(&out, &a, &data);
		assert_int_equal(a.response, *c);
		free(data);
	}
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void test_texts(void **state)
{
	struct milter_answer a;
	struct buf out;
	char *data;

	buf_init(&out, BUF_NO_LIMIT);
	milter_put_text(&out, MILTER_REPLYCODE, "550 5.7.1 No");
	answer_of(&out, &a, &data);
	assert_int_equal(a.response, MILTER_REPLYCODE);
	assert_string_equal(a.text, "550 5.7.1 No");
	free(data);
	milter_put_text(&out, MILTER_QUARANTINE, "virus");
	answer_of(&out, &a, &data);
	assert_string_equal(a.text, "virus");
	free(data);
	buf_free(&out);
}

static void test_addresses(void **state)
{
	static const struct {
		enum milter_response response;
		const char *params;
	} with[] = {
		{ MILTER_ADDRCPT, NULL },       { MILTER_DELRCPT, NULL },
		{ MILTER_CHGFROM, NULL },       { MILTER_ADDRCPT_PAR, "NOTIFY=NEVER" },
		{ MILTER_CHGFROM, "RET=HDRS" },
	};
	struct milter_answer a;
	struct buf out;
	char *data;

	buf_init(&out, BUF_NO_LIMIT);
	for (size_t i = 0; i < N(with); i++) {
		if (with[i].params == NULL)
			milter_put_text(&out, with[i].response, "<a@x>");
		else
			milter_put_text2(&out, with[i].response, "<a@x>", with[i].params);
		answer_of(&out, &a, &data);
		assert_int_equal(a.response, with[i].response);
		assert_string_equal(a.address.address, "<a@x>");
		assert_string_equal(a.address.params, with[i].params != NULL ? with[i].params : "");
		free(data);
	}
	buf_free(&out);
}

static void test_headers(void **state)
{
	struct milter_answer a;
	struct buf out;
	char *data;

	buf_init(&out, BUF_NO_LIMIT);
	milter_put_text2(&out, MILTER_ADDHEADER, "X-A", "a\n\tb");
	answer_of(&out, &a, &data);
	assert_int_equal(a.response, MILTER_ADDHEADER);
	assert_int_equal(a.header.index, 0);
	assert_string_equal(a.header.name, "X-A");
	assert_string_equal(a.header.value, "a\n\tb");
	free(data);
	milter_put_header(&out, MILTER_INSHEADER, 0xfffffffe, "X-B", "v");
	answer_of(&out, &a, &data);
	assert_int_equal(a.response, MILTER_INSHEADER);
	assert_int_equal(a.header.index, 0xfffffffe);
	assert_string_equal(a.header.name, "X-B");
	free(data);
	milter_put_header(&out, MILTER_CHGHEADER, 2, "To", "");
	answer_of(&out, &a, &data);
	assert_int_equal(a.header.index, 2);
	assert_string_equal(a.header.value, "");
	free(data);
	buf_free(&out);
}

/* Put a body of `n` bytes, and take the packets in again. */
static void assert_body(size_t n, int packets_expected)
{
	char *bytes = malloc(n + 1), *data;
	struct milter_answer a;
	struct buf out;
	size_t seen = 0;
	int count = 0;

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i * 7);
	buf_init(&out, BUF_NO_LIMIT);
	milter_put_body(&out, bytes, n);
	for (; out.len > 0; count++) {
		answer_of(&out, &a, &data);
		assert_int_equal(a.response, MILTER_REPLBODY);
		assert_true(a.body.len <= MILTER_CHUNK && seen + a.body.len <= n);
		assert_memory_equal(a.body.bytes, bytes + seen, a.body.len);
		seen += a.body.len;
		free(data);
	}
	assert_int_equal(seen, n);
	assert_int_equal(count, packets_expected);
	buf_free(&out);
	free(bytes);
}

static void test_body(void **state)
{
	assert_body(0, 1); /* an empty body is a packet too: the message loses its own */
	assert_body(1, 1);
	assert_body(MILTER_CHUNK, 1);
	assert_body(MILTER_CHUNK + 1, 2);
	assert_body(3 * MILTER_CHUNK, 3);
}

static void test_optneg(void **state)
{
	const char *lists[MILTER_STAGES] = { [MILTER_AT_CONNECT] = "j _", [MILTER_AT_EOH] = "i" };
	struct milter_answer a;
	uint32_t stage;
	const char *names;
	struct buf out;
	char *data;

	buf_init(&out, BUF_NO_LIMIT);
	milter_put_optneg(&out, 6, MILTER_F_SETSYMLIST, MILTER_P_SKIP, lists);
	answer_of(&out, &a, &data);
	assert_int_equal(a.optneg.version, 6);
	assert_int_equal(a.optneg.actions, MILTER_F_SETSYMLIST);
	assert_int_equal(a.optneg.protocol, MILTER_P_SKIP);
	assert_int_equal(milter_next_list(&a.optneg.lists, &stage, &names), 0);
	assert_int_equal(stage, MILTER_AT_CONNECT);
	assert_string_equal(names, "j _");
	assert_int_equal(milter_next_list(&a.optneg.lists, &stage, &names), 0);
	assert_int_equal(stage, MILTER_AT_EOH);
	assert_int_equal(milter_next_list(&a.optneg.lists, &stage, &names), -1);
	free(data);

	milter_put_optneg(&out, 2, MILTER_F_ADDHDRS, 0, lists); /* the action is not there: no lists */
	answer_of(&out, &a, &data);
	assert_int_equal(milter_next_list(&a.optneg.lists, &stage, &names), -1);
	free(data);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets), cmocka_unit_test(test_letters),
		cmocka_unit_test(test_texts),   cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_headers), cmocka_unit_test(test_body),
		cmocka_unit_test(test_optneg),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
