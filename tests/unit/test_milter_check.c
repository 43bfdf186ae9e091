#include "milter/check.h"

#include "milter/wanted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static char name[] = "client.example", helo[] = "helo example";
static const struct peer known = {
	.name = name, .ip = "192.0.2.1", .port = 25, .helo = helo, .own_ip = "192.0.2.9", .own_port = 10025
};
static const struct peer unknown = { 0 };

#define ARGS(text)                                             \
	{                                                      \
		.at = (text), .end = (text) + sizeof(text) - 1 \
	}

static void relay_and_helo(void **state)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	check_relay(&out, &known, "Q1");
	check_helo(&out, &known, "Q1");
	check_relay(&out, &unknown, "NOQUEUE");
	check_helo(&out, &unknown, "NOQUEUE");
	assert_string_equal(out.data, "relayok 192.0.2.1 client.example 25 192.0.2.9 10025 Q1\n"
				      "helook 192.0.2.1 client.example helo%20example 25 192.0.2.9 10025 Q1\n"
				      "relayok UNKNOWN UNKNOWN 0 UNKNOWN 0 NOQUEUE\n"
				      "helook UNKNOWN UNKNOWN UNKNOWN 0 UNKNOWN 0 NOQUEUE\n");
	buf_free(&out);
}

static void nameless_client_is_its_address(void **state)
{
	struct peer p = known;
	struct buf out;

	p.name = (char[]){ "" };
	buf_init(&out, BUF_NO_LIMIT);
	check_relay(&out, &p, "Q1");
	assert_string_equal(out.data, "relayok 192.0.2.1 192.0.2.1 25 192.0.2.9 10025 Q1\n");
	buf_free(&out);
}

static void sender_and_recipient(void **state)
{
	const struct check_about about = { &known, "Q1", "/spool/mdefang-1", "<s@x>", "<first@y>" };
	const struct milter_msg mail = { .envelope = { "<s@x>", ARGS("SIZE=1\0BODY=8BITMIME\0") } };
	const struct milter_msg rcpt = { .envelope = { "<r@y>", ARGS("") } };
	struct macros macros;
	struct buf out;

	macros_init(&macros);
	macros_store(&macros, 'R', (struct milter_strings)ARGS("{rcpt_mailer}\0local\0{rcpt_addr}\0\0"));
	buf_init(&out, BUF_NO_LIMIT);
	check_sender(&out, &about, &mail);
	check_recipient(&out, &about, &macros, &rcpt);
	assert_string_equal(
		out.data, "senderok <s@x> 192.0.2.1 client.example helo%20example /spool/mdefang-1 Q1 SIZE=1 "
			  "BODY=8BITMIME\n"
			  "recipok <r@y> <s@x> 192.0.2.1 client.example <first@y> helo%20example "
			  "/spool/mdefang-1 Q1 local ? ?\n");
	buf_free(&out);
	macros_free(&macros);
}

/* An argument that a request has no room for is left out, with what follows it. */
static void arguments_beyond_a_request_are_left_out(void **state)
{
	const struct check_about about = { &known, "Q1", "/spool/mdefang-1", "<s@x>", NULL };
	static char args[30000];
	struct milter_msg mail = { .envelope = { "<s@x>", { args, args + sizeof(args) } } };
	struct buf out;

	memset(args, 1, sizeof(args)); /* three bytes each when encoded */
	memcpy(args, "A=1", 4);
	args[4 + 3000] = '\0';
	args[sizeof(args) - 3] = '\0';
	args[sizeof(args) - 1] = '\0';
	buf_init(&out, BUF_NO_LIMIT);
	check_sender(&out, &about, &mail);
	assert_true(out.len > 9000 && out.len < 9200);
	assert_non_null(strstr(out.data, " A=1 %01%01"));
	assert_string_equal(out.data + out.len - 4, "%01\n");
	buf_free(&out);
}

static void wanted_macros_are_listed(void **state)
{
	struct settings settings = { .macros = { "mine" }, .n_macros = 1 };
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	wanted_list(&out, &settings);
	assert_memory_equal(out.data, "_ {auth_authen} {auth_author}", 29);
	assert_non_null(strstr(out.data, " i {if_addr} {if_name} j {mail_addr} "));
	assert_non_null(strstr(out.data, " {rcpt_mailer} {mine}"));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relay_and_helo),
		cmocka_unit_test(nameless_client_is_its_address),
		cmocka_unit_test(sender_and_recipient),
		cmocka_unit_test(arguments_beyond_a_request_are_left_out),
		cmocka_unit_test(wanted_macros_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
