#include "base/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT 100
#define WAIT_MS 5000 /* for what must come; never waited for in full */

/* What a connection has told, a letter an event, and what its owner does about it. */
struct owner {
	struct conn *conn;
	char story[64];
	size_t seen;             /* bytes of input at the last CONN_INPUT */
	bool consume;            /* all input */
	enum conn_event free_on; /* if frees */
	bool frees;              /* `victim` */
	struct owner *victim;    /* itself, or another */
	const char *on_drained;  /* written once, at CONN_DRAINED */
	bool eager;              /* writes a byte at each CONN_DRAINED */
	bool flushes;            /* it at once */
};

static struct loop *loop;

static void on_event(struct conn *c, enum conn_event event, void *arg)
{
	struct owner *o = arg;
	size_t n = strlen(o->story);

	assert_ptr_equal(c, o->conn);
	assert_true(n + 1 < sizeof(o->story));
	o->story[n] = "idext"[event]; /* input, drained, end, error (x), time */
	o->story[n + 1] = '\0';
	if (event == CONN_INPUT) {
		conn_input(c, &o->seen);
		if (o->consume)
			conn_consume(c, o->seen);
	}
	if (event == CONN_DRAINED && o->on_drained != NULL) {
		conn_write(c, o->on_drained, strlen(o->on_drained));
		o->on_drained = NULL;
	}
	if (event == CONN_DRAINED && o->eager) {
		conn_write(c, "x", 1);
		if (o->flushes)
			conn_flush(c);
	}
	if (o->frees && event == o->free_on) {
		conn_free(o->victim->conn);
		o->victim->conn = NULL;
		o->frees = false;
	}
}

/* A connection on one end of a socket pair; the other end is returned. */
static int open_pair(struct owner *o)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*o = (struct owner){ .consume = true };
	o->conn = conn_new(loop, fds[0], fds[0], LIMIT, on_event, o);
	assert_non_null(o->conn);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	return fds[1];
}

static void put(int fd, size_t n)
{
	char bytes[1000];

	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(write(fd, bytes, n), n);
}

static void turns(int n)
{
	while (n-- > 0)
		loop_turn(loop, 0);
}

static int setup(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	return (loop = loop_new()) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	loop_free(loop);
	return 0;
}

/* Input */

static void test_input_is_contiguous_and_ends_with_nul(void **state)
{
	struct owner o;
	int fd = open_pair(&o);
	const char *in;
	size_t n;

	o.consume = false;
	assert_int_equal(write(fd, "hello ", 6), 6);
	turns(2);
	conn_consume(o.conn, 2);
	assert_int_equal(write(fd, "world", 5), 5);
	turns(2);
	in = conn_input(o.conn, &n);
	assert_int_equal(n, 9);
	assert_string_equal(in, "llo world");
	conn_consume(o.conn, n);
	assert_string_equal(in, "llo world"); /* consuming moves nothing */
	assert_string_equal(o.story, "ii");
	assert_int_equal(conn_bytes_in(o.conn), 11);
	conn_free(o.conn);
	close(fd);
}

static void test_reading_rests_at_the_limit(void **state)
{
	struct owner o;
	int fd = open_pair(&o);
	size_t n;

	o.consume = false;
	put(fd, 250);
	turns(4);
	assert_string_equal(o.story, "i");
	assert_int_equal(o.seen, LIMIT);
	conn_consume(o.conn, 30);
	turns(4);
	assert_string_equal(o.story, "ii");
	conn_input(o.conn, &n);
	assert_int_equal(n, LIMIT);
	o.consume = true;
	conn_consume(o.conn, n);
	turns(4);
	assert_string_equal(o.story, "iiii");
	assert_int_equal(conn_bytes_in(o.conn), 250);
	conn_free(o.conn);
	close(fd);
}

static void test_input_before_end(void **state)
{
	struct owner o;
	int fd = open_pair(&o);

	put(fd, 10);
	turns(2);
	assert_false(conn_input_ended(o.conn));
	close(fd);
	turns(4);
	assert_string_equal(o.story, "ie");
	assert_true(conn_input_ended(o.conn));
	conn_free(o.conn);
}

static void test_peer_that_goes_is_noticed_while_reading_rests(void **state)
{
	struct owner o;
	int fd = open_pair(&o);

	o.consume = false;
	put(fd, LIMIT + 50);
	turns(3);
	assert_string_equal(o.story, "i");
	close(fd);
	turns(3);
	assert_string_equal(o.story, "ie");
	assert_false(conn_input_ended(o.conn));
	conn_consume(o.conn, LIMIT); /* the rest is still readable, and the end is not told twice */
	turns(4);
	assert_string_equal(o.story, "iei");
	assert_int_equal(o.seen, 50);
	assert_true(conn_input_ended(o.conn));
	conn_free(o.conn);
}

static void test_pipe_that_closes_while_reading_rests(void **state)
{
	struct owner o = { 0 };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	o.conn = conn_new(loop, fds[0], -1, LIMIT, on_event, &o);
	put(fds[1], LIMIT + 1);
	turns(3);
	close(fds[1]);
	turns(3);
	assert_string_equal(o.story, "ie");
	conn_free(o.conn);
}

static void test_half_closed_peer_still_gets_its_answer(void **state)
{
	struct owner o;
	int fd = open_pair(&o);
	char answer[8] = "";

	put(fd, 3);
	shutdown(fd, SHUT_WR);
	turns(3);
	conn_write(o.conn, "bye", 3);
	turns(1);
	assert_int_equal(read(fd, answer, sizeof(answer)), 3);
	assert_string_equal(o.story, "ied");
	conn_free(o.conn);
	close(fd);
}

static void test_discard_takes_what_the_kernel_holds(void **state)
{
	struct owner o;
	int fd = open_pair(&o);

	o.consume = false;
	put(fd, 60);
	turns(1);
	put(fd, 500);
	assert_int_equal(conn_discard_input(o.conn), 560);
	assert_int_equal(conn_discard_input(o.conn), 0);
	turns(3);
	assert_string_equal(o.story, "i");
	put(fd, 5);
	turns(2);
	assert_int_equal(o.seen, 5);
	close(fd);
	assert_int_equal(conn_discard_input(o.conn), 5);
	turns(2);
	assert_string_equal(o.story, "iie");
	conn_free(o.conn);
}

/* Output */

static void test_writes_of_a_turn_are_one(void **state)
{
	struct owner o;
	int fds[2];
	char got[32];

	/* A packet socket shows where writes begin and end. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	o = (struct owner){ 0 };
	o.conn = conn_new(loop, fds[0], fds[0], LIMIT, on_event, &o);
	conn_write(o.conn, "one ", 4);
	conn_write(o.conn, "two ", 4);
	conn_write(o.conn, "", 0);
	conn_write(o.conn, "three", 5);
	assert_int_equal(conn_pending(o.conn), 13);
	assert_int_equal(recv(fds[1], got, sizeof(got), MSG_DONTWAIT), -1);
	turns(1);
	assert_int_equal(recv(fds[1], got, sizeof(got), MSG_DONTWAIT), 13);
	assert_int_equal(conn_pending(o.conn), 0);
	assert_int_equal(conn_bytes_out(o.conn), 13);
	turns(2);
	assert_string_equal(o.story, "d");
	conn_free(o.conn);
	close(fds[1]);
}

static void test_flush_writes_now_and_tells_later(void **state)
{
	struct owner o;
	int fd = open_pair(&o);
	char got[8];

	conn_write(o.conn, "now", 3);
	conn_flush(o.conn);
	assert_int_equal(read(fd, got, sizeof(got)), 3);
	assert_string_equal(o.story, "");
	turns(2);
	assert_string_equal(o.story, "d");
	conn_flush(o.conn); /* nothing to write: nothing to tell */
	turns(2);
	assert_string_equal(o.story, "d");
	conn_free(o.conn);
	close(fd);
}

/* Read the other end dry until the connection has told `story`. The bytes. */
static size_t read_until(int fd, const struct owner *o, const char *story)
{
	static char sink[100000];
	int64_t give_up = loop_now(loop) + WAIT_MS;
	size_t total = 0;
	ssize_t n;

	while (strcmp(o->story, story) != 0 && loop_now(loop) < give_up) {
		while ((n = read(fd, sink, sizeof(sink))) > 0)
			total += (size_t)n;
		loop_turn(loop, 10);
	}
	while ((n = read(fd, sink, sizeof(sink))) > 0)
		total += (size_t)n;
	assert_string_equal(o->story, story);
	return total;
}

static void write_much(struct conn *c, size_t n)
{
	char *bytes = calloc(1, n);

	conn_write(c, bytes, n);
	free(bytes);
}

static void test_much_output_waits_for_the_reader(void **state)
{
	const size_t much = 5000000;
	struct owner o;
	int fd = open_pair(&o);

	write_much(o.conn, much);
	turns(3);
	assert_true(conn_pending(o.conn) > 0 && conn_pending(o.conn) < much);
	assert_int_equal(read_until(fd, &o, "d"), much);
	assert_int_equal(conn_bytes_out(o.conn), much);
	conn_free(o.conn);
	close(fd);
}

/* Take all that is there now. */
static void drain(int fd)
{
	static char sink[100000];

	assert_true(read(fd, sink, sizeof(sink)) > 0);
	while (read(fd, sink, sizeof(sink)) > 0)
		;
}

static void turn_for(int64_t ms)
{
	int64_t until = loop_now(loop) + ms;

	while (loop_now(loop) < until)
		loop_turn(loop, until - loop_now(loop));
}

/* A reader that takes a little now and then is waited for; one that takes nothing is not. */
static void test_output_that_nobody_takes(void **state)
{
	int64_t limit_ms = 300, give_up;
	struct owner o;
	int fd = open_pair(&o);

	conn_set_output_limit(o.conn, limit_ms);
	write_much(o.conn, 5000000);
	turns(2);
	for (int i = 0; i < 6; i++) {
		drain(fd);
		turn_for(limit_ms / 3);
	}
	assert_string_equal(o.story, "");
	for (give_up = loop_now(loop) + WAIT_MS; o.story[0] == '\0' && loop_now(loop) < give_up;)
		loop_turn(loop, 10);
	assert_string_equal(o.story, "x");
	assert_int_equal(conn_error(o.conn), -ETIMEDOUT);
	assert_true(conn_pending(o.conn) > 0);
	conn_free(o.conn);
	close(fd);
}

static void test_output_that_is_taken_has_no_limit(void **state)
{
	const size_t much = 2000000;
	struct owner o;
	int fd = open_pair(&o);

	conn_set_output_limit(o.conn, 300);
	write_much(o.conn, much);
	assert_int_equal(read_until(fd, &o, "d"), much);
	turn_for(600);
	assert_string_equal(o.story, "d");
	conn_free(o.conn);
	close(fd);
}

static void test_output_goes_on_while_reading_rests(void **state)
{
	const size_t much = 2000000;
	struct owner o;
	int fd = open_pair(&o);

	o.consume = false;
	o.on_drained = "more";
	put(fd, LIMIT + 50);
	turns(2);
	write_much(o.conn, much);
	assert_int_equal(read_until(fd, &o, "idd"), much + 4);
	close(fd);
	turns(3);
	assert_string_equal(o.story, "idde");
	conn_free(o.conn);
}

static void write_eagerly(bool flushes)
{
	struct owner o;
	int fd = open_pair(&o);
	char got[16] = "";

	o.eager = true;
	o.flushes = flushes;
	conn_write(o.conn, "x", 1);
	turns(3);
	assert_in_range(strlen(o.story), 3, 4); /* once a turn, and once before the first */
	o.eager = false;
	turns(3);
	assert_int_equal(read(fd, got, sizeof(got)), strlen(o.story));
	assert_int_equal(conn_pending(o.conn), 0);
	conn_free(o.conn);
	close(fd);
}

static void test_eager_writer_does_not_hold_up_the_loop(void **state)
{
	write_eagerly(false);
	write_eagerly(true);
}

static void test_end_output_comes_behind_the_output(void **state)
{
	struct owner o;
	int fd = open_pair(&o);
	char got[16];

	conn_write(o.conn, "last", 4);
	conn_end_output(o.conn);
	conn_write(o.conn, "never", 5);
	assert_int_equal(read(fd, got, sizeof(got)), -1);
	turns(1);
	assert_int_equal(read(fd, got, sizeof(got)), 4);
	assert_int_equal(read(fd, got, sizeof(got)), 0);
	put(fd, 7); /* the other direction lives on */
	turns(2);
	assert_string_equal(o.story, "di");
	conn_free(o.conn);
	close(fd);
}

static void test_pipe_pair(void **state)
{
	struct owner o = { .consume = true };
	int in[2], out[2];
	char got[16];

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	o.conn = conn_new(loop, in[0], out[1], LIMIT, on_event, &o);
	put(in[1], 5);
	conn_write(o.conn, "hello", 5);
	conn_end_output(o.conn);
	turns(2);
	assert_string_equal(o.story, "di");
	assert_int_equal(read(out[0], got, sizeof(got)), 5);
	assert_int_equal(read(out[0], got, sizeof(got)), 0); /* closed */
	close(in[1]);
	turns(2);
	assert_string_equal(o.story, "die");
	conn_free(o.conn);
	close(out[0]);
}

static void test_much_output_to_a_pipe(void **state)
{
	struct owner o = { 0 };
	int out[2];

	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	o.conn = conn_new(loop, -1, out[1], LIMIT, on_event, &o);
	write_much(o.conn, 1000000);
	assert_int_equal(read_until(out[0], &o, "d"), 1000000);
	close(out[0]);
	conn_write(o.conn, "x", 1);
	turns(3);
	assert_string_equal(o.story, "dx");
	assert_int_equal(conn_error(o.conn), -EPIPE);
	conn_free(o.conn);
}

/* Trouble */

static void test_write_error_is_told_once_and_from_the_loop(void **state)
{
	struct owner o;
	int fd = open_pair(&o);

	shutdown(fd, SHUT_RD);
	conn_write(o.conn, "x", 1);
	conn_flush(o.conn);
	assert_string_equal(o.story, "");
	turns(3);
	assert_string_equal(o.story, "x");
	assert_int_equal(conn_error(o.conn), -EPIPE);
	assert_int_equal(conn_pending(o.conn), 1);
	conn_write(o.conn, "y", 1);
	conn_set_deadline(o.conn, loop_now(loop));
	put(fd, 5);
	conn_free(o.conn);
	turns(2);
	assert_string_equal(o.story, "x");
	close(fd);
}

static void test_read_error(void **state)
{
	struct owner o;
	int fd = open_pair(&o);

	conn_write(o.conn, "x", 1);
	turns(1);
	close(fd); /* with a byte unread: a reset */
	turns(3);
	assert_string_equal(o.story, "dx");
	assert_int_equal(conn_error(o.conn), -ECONNRESET);
	conn_free(o.conn);
}

static void test_new_fails_and_takes_nothing(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_null(conn_new(loop, fd, -1, LIMIT, on_event, NULL)); /* cannot be polled */
	assert_int_equal(errno, EPERM);
	assert_int_equal(close(fd), 0);
	assert_null(conn_new(loop, fd, fd, LIMIT, on_event, NULL));
	assert_int_equal(errno, EBADF);
}

/* Deadlines */

static void wait_for(struct owner *o, const char *story)
{
	int64_t give_up = loop_now(loop) + WAIT_MS;

	while (strcmp(o->story, story) != 0 && loop_now(loop) < give_up)
		loop_turn(loop, 100);
	assert_string_equal(o->story, story);
}

static void test_deadline_moves(void **state)
{
	struct owner o;
	int fd = open_pair(&o);
	int64_t start = loop_now(loop);

	conn_set_deadline(o.conn, start + 1);
	conn_set_deadline(o.conn, start + 40); /* later */
	wait_for(&o, "t");
	assert_true(loop_now(loop) >= start + 40);
	loop_turn(loop, 5);
	assert_string_equal(o.story, "t"); /* it is cleared */
	conn_set_deadline(o.conn, loop_now(loop) + 600000);
	conn_set_deadline(o.conn, loop_now(loop) + 1); /* earlier */
	wait_for(&o, "tt");
	conn_set_deadline(o.conn, loop_now(loop) - 1000); /* past */
	wait_for(&o, "ttt");
	conn_set_deadline(o.conn, loop_now(loop) + 1);
	conn_set_deadline(o.conn, 0);
	loop_turn(loop, 10);
	assert_string_equal(o.story, "ttt");
	conn_free(o.conn);
	close(fd);
}

/* Freeing: never called back again, and the sanitizer sees that memory lasts to the end of the turn */

static void free_in_own_callback(enum conn_event event, void (*provoke)(struct owner *o, int fd),
				 const char *story)
{
	struct owner o;
	int fd = open_pair(&o);

	o.frees = true;
	o.free_on = event;
	o.victim = &o;
	conn_set_deadline(o.conn, loop_now(loop) + (event == CONN_TIMEOUT ? 0 : 600000));
	provoke(&o, fd);
	wait_for(&o, story);
	turns(3);
	assert_string_equal(o.story, story);
	assert_null(o.conn);
	close(fd);
}

static void provoke_input(struct owner *o, int fd)
{
	conn_write(o->conn, "unwritten", 9);
	conn_flush(o->conn); /* drained is due when the callback frees */
	put(fd, 10);
}

static void provoke_output(struct owner *o, int fd)
{
	conn_write(o->conn, "x", 1);
}

static void provoke_end(struct owner *o, int fd)
{
	shutdown(fd, SHUT_WR);
}

static void provoke_error(struct owner *o, int fd)
{
	shutdown(fd, SHUT_RD);
	conn_write(o->conn, "x", 1);
}

static void provoke_nothing(struct owner *o, int fd)
{
}

static void test_freed_in_each_of_its_callbacks(void **state)
{
	free_in_own_callback(CONN_INPUT, provoke_input, "di");
	free_in_own_callback(CONN_DRAINED, provoke_output, "d");
	free_in_own_callback(CONN_EOF, provoke_end, "e");
	free_in_own_callback(CONN_ERROR, provoke_error, "x");
	free_in_own_callback(CONN_TIMEOUT, provoke_nothing, "t");
}

static void test_freed_by_another_of_the_same_turn(void **state)
{
	struct owner a, b;
	int fa = open_pair(&a), fb = open_pair(&b);

	a.frees = b.frees = true; /* whoever is first frees the other */
	a.free_on = b.free_on = CONN_INPUT;
	a.victim = &b;
	b.victim = &a;
	put(fa, 5);
	put(fb, 5);
	turns(4);
	assert_true((a.conn == NULL) != (b.conn == NULL));
	assert_true((strcmp(a.story, "i") == 0) != (strcmp(b.story, "i") == 0));
	conn_free(a.conn);
	conn_free(b.conn);
	close(fa);
	close(fb);
}

static void test_freed_with_output_and_settling_due(void **state)
{
	struct owner o;
	int fd = open_pair(&o);
	char got[8];

	put(fd, 5);
	turns(1);
	conn_write(o.conn, "lost", 4);
	conn_free(o.conn);
	turns(2);
	assert_int_equal(read(fd, got, sizeof(got)), 0);
	assert_string_equal(o.story, "i");
	conn_free(NULL);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_input_is_contiguous_and_ends_with_nul),
		TEST(test_reading_rests_at_the_limit),
		TEST(test_input_before_end),
		TEST(test_peer_that_goes_is_noticed_while_reading_rests),
		TEST(test_pipe_that_closes_while_reading_rests),
		TEST(test_half_closed_peer_still_gets_its_answer),
		TEST(test_discard_takes_what_the_kernel_holds),
		TEST(test_writes_of_a_turn_are_one),
		TEST(test_flush_writes_now_and_tells_later),
		TEST(test_much_output_waits_for_the_reader),
		TEST(test_output_that_nobody_takes),
		TEST(test_output_that_is_taken_has_no_limit),
		TEST(test_output_goes_on_while_reading_rests),
		TEST(test_eager_writer_does_not_hold_up_the_loop),
		TEST(test_end_output_comes_behind_the_output),
		TEST(test_pipe_pair),
		TEST(test_much_output_to_a_pipe),
		TEST(test_write_error_is_told_once_and_from_the_loop),
		TEST(test_read_error),
		TEST(test_new_fails_and_takes_nothing),
		TEST(test_deadline_moves),
		TEST(test_freed_in_each_of_its_callbacks),
		TEST(test_freed_by_another_of_the_same_turn),
		TEST(test_freed_with_output_and_settling_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
