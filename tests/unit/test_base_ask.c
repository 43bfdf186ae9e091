#include "base/ask.h"

#include "base/conn.h"
#include "base/listen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT 20
#define WAIT_MS 5000 /* for what must come; never waited for in full */

static char folder[64];
static struct address at;
static struct loop *loop;
static struct ask_pool pool;

/* The server: one connection a time, in the loop of the asker. */
static int listen_fd;
static struct listener *listener;
static struct conn *served;
static const char *answer; /* to the first input; NULL: none */
static bool rude;          /* answer at once, unread, and close */
static bool keeps;         /* do not close behind the answer */
static bool by_hand;       /* leave the connection to the test, in served_fd */
static int served_fd, n_accepted;
static char asked[256];

/* What the asker was told. */
static int n_told;
static enum ask_result told;
static int told_error;
static char told_answer[256];

static void on_answer(enum ask_result result, char *text, size_t len, int error, void *arg)
{
	n_told++;
	told = result;
	told_error = error;
	assert_int_equal(text[len], '\0');
	assert_true(len <= LIMIT);
	snprintf(told_answer, sizeof(told_answer), "%s", text);
	memset(text, '#', len); /* writable */
}

static void on_served(struct conn *c, enum conn_event event, void *arg)
{
	size_t n;
	const char *in = conn_input(c, &n);

	if (event == CONN_INPUT && answer != NULL && n > 0 && in[n - 1] == '\n') {
		snprintf(asked, sizeof(asked), "%s", in);
		conn_consume(c, n);
		conn_write(c, answer, strlen(answer));
		if (keeps)
			return;
		conn_flush(c);
		conn_free(c);
		served = NULL;
	} else if (event == CONN_EOF || event == CONN_ERROR) {
		conn_free(c);
		served = NULL;
	}
}

static void on_accept(int fd, void *arg)
{
	n_accepted++;
	if (by_hand) {
		served_fd = fd;
	} else if (rude) {
		assert_int_equal(send(fd, answer, strlen(answer), MSG_NOSIGNAL), strlen(answer));
		close(fd);
	} else {
		served = conn_new(loop, fd, fd, 1000000, on_served, NULL);
		assert_non_null(served);
	}
}

static void serve(int backlog)
{
	listen_fd = listen_open(&at, backlog, 077);
	assert_true(listen_fd >= 0);
	listener = listener_new(loop, listen_fd, on_accept, NULL);
}

static int setup(void **state)
{
	char path[80];

	strcpy(folder, "/tmp/test_base_ask.XXXXXX");
	if (mkdtemp(folder) == NULL || (loop = loop_new()) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/sock", folder);
	n_told = 0;
	asked[0] = '\0';
	answer = NULL;
	rude = keeps = by_hand = false;
	n_accepted = 0;
	ask_pool_init(&pool, loop, &at);
	return address_parse(path, ADDRESS_LOOPBACK, &at) == ADDRESS_OK ? 0 : -1;
}

static int teardown(void **state)
{
	ask_pool_clear(&pool);
	listener_free(listener);
	listener = NULL;
	conn_free(served);
	served = NULL;
	loop_free(loop);
	unlink(at.un.sun_path);
	return rmdir(folder);
}

static struct ask *ask_line(const char *line, int64_t deadline)
{
	struct ask *a = ask_start(loop, &at, line, strlen(line), LIMIT, deadline, on_answer, NULL);

	assert_non_null(a);
	assert_int_equal(n_told, 0); /* never from within */
	return a;
}

static void expect(enum ask_result result, const char *text, int error)
{
	int64_t give_up = loop_now(loop) + WAIT_MS;

	while (n_told == 0 && loop_now(loop) < give_up)
		loop_turn(loop, 50);
	assert_int_equal(n_told, 1);
	assert_int_equal(told, result);
	assert_string_equal(told_answer, text);
	assert_int_equal(told_error, error);
}

static void test_question_and_answer(void **state)
{
	serve(5);
	answer = "ok 1\n";
	ask_line("free\n", loop_now(loop) + WAIT_MS);
	expect(ASK_ANSWERED, "ok 1\n", 0);
	assert_string_equal(asked, "free\n");
}

static void test_empty_answer(void **state)
{
	serve(5);
	answer = "";
	ask_line("free\n", 0);
	expect(ASK_ANSWERED, "", 0);
}

static void test_answer_of_the_limit_and_above(void **state)
{
	serve(5);
	answer = "12345678901234567890";
	ask_line("a\n", 0);
	expect(ASK_ANSWERED, answer, 0);
	n_told = 0;
	answer = "123456789012345678901";
	ask_line("a\n", 0);
	expect(ASK_TRUNCATED, "12345678901234567890", 0);
}

static void test_long_question(void **state)
{
	char *line = malloc(500001);

	memset(line, 'q', 500000);
	strcpy(line + 499999, "\n");
	serve(5);
	answer = "ok\n";
	ask_line(line, loop_now(loop) + WAIT_MS);
	expect(ASK_ANSWERED, "ok\n", 0);
	free(line);
}

static void test_answer_before_the_question_is_read(void **state)
{
	char *line = malloc(500001);

	memset(line, 'q', 500000);
	strcpy(line + 499999, "\n");
	serve(5);
	rude = true;
	answer = "error: go away\n";
	ask_line(line, loop_now(loop) + WAIT_MS);
	expect(ASK_ANSWERED, answer, 0);
	n_told = 0;
	answer = ""; /* hangs up without a word */
	ask_line(line, loop_now(loop) + WAIT_MS);
	while (n_told == 0)
		loop_turn(loop, 50);
	assert_true(told == ASK_WRITE_ERROR);
	assert_true(told_error == -EPIPE || told_error == -ECONNRESET);
	free(line);
}

static void test_nobody_there(void **state)
{
	ask_line("a\n", 0);
	expect(ASK_NO_CONNECT, "", -ENOENT);
}

static void test_silent_server(void **state)
{
	int64_t start = loop_now(loop);

	serve(5);
	ask_line("a\n", start + 30);
	expect(ASK_TIMEOUT, "", 0);
	assert_true(loop_now(loop) >= start + 30);
}

/* Fill the backlog of a listener that does not accept. Returns how many connections it took. */
static int fill(int fds[], int max)
{
	int n = 0, in_progress, fd;

	while (n < max && (fd = connect_open(&at, &in_progress)) >= 0)
		fds[n++] = fd;
	assert_true(n < max);
	return n;
}

static void test_full_backlog_is_tried_again(void **state)
{
	int fds[64], n;

	serve(1);
	listener_pause(listener, 1);
	n = fill(fds, 64);
	answer = "ok\n";
	ask_line("a\n", loop_now(loop) + WAIT_MS);
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 5);
	assert_int_equal(n_told, 0);
	while (n > 0)
		close(fds[--n]);
	listener_pause(listener, 0);
	expect(ASK_ANSWERED, "ok\n", 0);
}

static void test_full_backlog_ends_at_the_deadline(void **state)
{
	int fds[64], n;
	int64_t start = loop_now(loop);

	serve(1);
	listener_pause(listener, 1);
	n = fill(fds, 64);
	ask_line("a\n", start + 40);
	expect(ASK_TIMEOUT, "", 0);
	assert_in_range(loop_now(loop) - start, 40, 2000);
	while (n > 0)
		close(fds[--n]);
}

static void test_cancel(void **state)
{
	struct ask *a;

	serve(5);
	answer = "ok\n";
	ask_cancel(ask_line("a\n", 0)); /* before it begins */
	loop_turn(loop, 10);
	a = ask_line("a\n", 0);
	loop_turn(loop, 0); /* connected */
	ask_cancel(a);
	ask_cancel(NULL);
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 2);
	assert_int_equal(n_told, 0);
	assert_null(served); /* it has noticed */
}

static void test_tcp(void **state)
{
	struct address file = at;
	socklen_t len;

	assert_int_equal(address_parse("inet:1", ADDRESS_LOOPBACK, &at), ADDRESS_OK);
	at.in.sin_port = 0;
	serve(5);
	len = at.len;
	assert_int_equal(getsockname(listen_fd, &at.sa, &len), 0);
	answer = "ok\n";
	ask_line("a\n", loop_now(loop) + WAIT_MS);
	expect(ASK_ANSWERED, "ok\n", 0);
	listener_free(listener);
	listener = NULL;
	n_told = 0;
	ask_line("a\n", loop_now(loop) + WAIT_MS);
	expect(ASK_NO_CONNECT, "", -ECONNREFUSED);
	at = file;
}

/* Kept connections */

static struct ask *ask_kept(const char *line)
{
	struct ask *a;

	n_told = 0;
	pool.to = at;
	a = ask_start_kept(&pool, line, strlen(line), LIMIT, 0, on_answer, NULL);
	assert_non_null(a);
	return a;
}

static void turn_until_accepted(int n)
{
	int64_t give_up = loop_now(loop) + WAIT_MS;

	while (n_accepted < n && loop_now(loop) < give_up)
		loop_turn(loop, 50);
	assert_int_equal(n_accepted, n);
}

static void test_kept_connection_serves_again(void **state)
{
	serve(5);
	keeps = true;
	for (int i = 0; i < 3; i++) {
		answer = "ok 1\nkept\n";
		ask_kept("free\n");
		expect(ASK_ANSWERED, "ok 1\n", 0);
		assert_string_equal(asked, "free\nkeep\n");
	}
	answer = "two\nlines\nkept\n";
	ask_kept("a\n");
	expect(ASK_ANSWERED, "two\nlines\n", 0);
	assert_int_equal(n_accepted, 1);
}

static void test_server_that_does_not_keep(void **state)
{
	serve(5);
	for (int i = 1; i <= 2; i++) {
		answer = i == 1 ? "ok 1\n" : "kept\n"; /* without an answer in front it is one */
		ask_kept("free\n");
		expect(ASK_ANSWERED, answer, 0);
		assert_int_equal(n_accepted, i);
	}
}

static void test_two_questions_at_a_time(void **state)
{
	serve(5);
	keeps = true;
	answer = "ok\nkept\n";
	ask_cancel(ask_kept("a\n"));
	ask_kept("a\n");
	expect(ASK_ANSWERED, "ok\n", 0);
	by_hand = true;
	ask_kept("a\n"); /* takes the idle one: served is there still */
	expect(ASK_ANSWERED, "ok\n", 0);
	assert_int_equal(n_accepted, 1);
}

/* One question served by hand, its connection kept. */
static void serve_by_hand(void)
{
	char line[32];

	by_hand = true;
	ask_kept("a\n");
	turn_until_accepted(1);
	assert_int_equal(read(served_fd, line, sizeof(line)), 7);
	assert_int_equal(write(served_fd, "ok\nkept\n", 8), 8);
	expect(ASK_ANSWERED, "ok\n", 0);
	by_hand = false;
	answer = "again\n";
}

static void test_idle_connection_is_closed(void **state)
{
	serve(5);
	serve_by_hand();
	close(served_fd);
	loop_turn(loop, 0); /* it is noticed */
	assert_int_equal(pool.n_idle, 0);
	ask_kept("b\n");
	expect(ASK_ANSWERED, "again\n", 0);
}

static void test_closed_before_the_question(void **state)
{
	serve(5);
	serve_by_hand();
	close(served_fd);
	ask_kept("b\n"); /* it is not noticed so far */
	expect(ASK_ANSWERED, "again\n", 0);
	assert_string_equal(asked, "b\nkeep\n");
}

static void test_closed_with_the_question_unread(void **state)
{
	serve(5);
	serve_by_hand();
	ask_kept("b\n");
	loop_turn(loop, 0); /* it is written */
	close(served_fd);
	expect(ASK_ANSWERED, "again\n", 0);
	assert_string_equal(asked, "b\nkeep\n");
}

static void test_closed_with_the_question_read(void **state)
{
	char line[32];

	serve(5);
	serve_by_hand();
	ask_kept("b\n");
	loop_turn(loop, 0);
	assert_int_equal(read(served_fd, line, sizeof(line)), 7);
	close(served_fd);
	expect(ASK_ANSWERED, "", 0); /* it may have been served: not again */
	assert_int_equal(n_accepted, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_question_and_answer),
		TEST(test_empty_answer),
		TEST(test_answer_of_the_limit_and_above),
		TEST(test_long_question),
		TEST(test_answer_before_the_question_is_read),
		TEST(test_nobody_there),
		TEST(test_silent_server),
		TEST(test_full_backlog_is_tried_again),
		TEST(test_full_backlog_ends_at_the_deadline),
		TEST(test_cancel),
		TEST(test_tcp),
		TEST(test_kept_connection_serves_again),
		TEST(test_server_that_does_not_keep),
		TEST(test_two_questions_at_a_time),
		TEST(test_idle_connection_is_closed),
		TEST(test_closed_before_the_question),
		TEST(test_closed_with_the_question_unread),
		TEST(test_closed_with_the_question_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
