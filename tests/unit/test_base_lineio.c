#include "base/lineio.h"

#include <errno.h>
#include <fcntl.h>
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

#define MAX_LINE 8

/* What was told, as `event:line|`. A NUL in a line is shown as `0`, a CR as `r`. */
static char story[4096];
static struct lineio *io;
static struct loop *loop;
static int peer;
static bool hold_each, free_each, ask_each;

static void note_line(char event, const char *line, size_t len)
{
	size_t n = strlen(story);

	assert_true(n + len + 4 < sizeof(story));
	story[n++] = event;
	story[n++] = ':';
	for (size_t i = 0; i < len; i++)
		story[n++] = line[i] == '\0' ? '0' : line[i] == '\r' ? 'r' : line[i];
	story[n++] = '|';
	story[n] = '\0';
}

static void on_event(struct lineio *self, enum lineio_event event, void *arg)
{
	size_t len;
	char *line = lineio_line(self, &len);

	assert_ptr_equal(self, io);
	note_line("lopedtx"[event], line, len);
	if (event == LINEIO_LINE || event == LINEIO_OVERLONG || event == LINEIO_PARTIAL) {
		assert_int_equal(line[len], '\0');
		memset(line, '#', len); /* it is ours until we return */
	} else {
		assert_null(line);
	}
	if (hold_each)
		lineio_hold(self, 1);
	if (ask_each && lineio_has_input(self))
		strcat(story, "+");
	if (free_each) {
		lineio_free(self);
		io = NULL;
	}
}

static void turns(int n)
{
	while (n-- > 0)
		loop_turn(loop, 0);
}

static void put(const char *bytes, size_t n)
{
	assert_int_equal(write(peer, bytes, n), n);
}

#define PUT(s) put(s, sizeof(s) - 1)

static void open_io(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	peer = fds[1];
	story[0] = '\0';
	hold_each = free_each = ask_each = false;
	io = lineio_new(loop, fds[0], fds[0], MAX_LINE, on_event, NULL);
	assert_non_null(io);
}

static void close_io(void)
{
	lineio_free(io);
	io = NULL;
	if (peer != -1)
		close(peer);
	peer = -1;
	turns(1);
}

static int setup(void **state)
{
	if ((loop = loop_new()) == NULL)
		return -1;
	open_io();
	return 0;
}

static int teardown(void **state)
{
	close_io();
	loop_free(loop);
	return 0;
}

#define IN(s) s, sizeof(s) - 1

static const struct {
	const char *in;
	size_t n;
	const char *story;
} cases[] = {
	{ IN(""), "e:|" },
	{ IN("\n"), "l:|e:|" },
	{ IN("a\nbc\n\nd\n"), "l:a|l:bc|l:|l:d|e:|" },
	{ IN("a\nb"), "l:a|p:b|e:|" },
	{ IN("a\r\nb\r"), "l:ar|p:br|e:|" },
	{ IN("a\0b\n\0\n"), "l:a0b|l:0|e:|" },
	{ IN("12345678\n"), "l:12345678|e:|" },
	{ IN("12345678"), "p:12345678|e:|" },
	{ IN("123456789\nx\n"), "o:12345678|l:x|e:|" },
	{ IN("123456789"), "o:12345678|e:|" },
	{ IN("1234567890123456789012345678\nnext\n"), "o:12345678|l:next|e:|" },
	{ IN("123456789\n123456789\n"), "o:12345678|o:12345678|e:|" },
	{ IN("123456789\n\n"), "o:12345678|l:|e:|" },
	{ IN("\0\0\0\0\0\0\0\0\0\nx"), "o:00000000|p:x|e:|" },
};

/* Send case `i` cut before byte `cut`, a piece a turn. */
static void run_cut(size_t i, size_t cut)
{
	open_io();
	put(cases[i].in, cut);
	turns(2);
	put(cases[i].in + cut, cases[i].n - cut);
	turns(1);
	shutdown(peer, SHUT_WR);
	turns(3);
	assert_string_equal(story, cases[i].story);
	close_io();
}

static void run_bytewise(size_t i)
{
	open_io();
	for (size_t at = 0; at < cases[i].n; at++) {
		put(cases[i].in + at, 1);
		turns(1);
	}
	shutdown(peer, SHUT_WR);
	turns(3);
	assert_string_equal(story, cases[i].story);
	close_io();
}

static void test_lines_however_they_are_cut(void **state)
{
	close_io();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t cut = 0; cut <= cases[i].n; cut++)
			run_cut(i, cut);
		run_bytewise(i);
	}
}

static void test_overlong_is_told_when_the_limit_is_passed(void **state)
{
	PUT("123456789");
	turns(2);
	assert_string_equal(story, "o:12345678|");
	PUT("more");
	turns(2);
	PUT("\nx\n");
	turns(2);
	assert_string_equal(story, "o:12345678|l:x|");
}

static void test_endless_line_costs_nothing(void **state)
{
	char bytes[4096];

	memset(bytes, 'x', sizeof(bytes));
	for (int i = 0; i < 100; i++) {
		put(bytes, sizeof(bytes));
		turns(1);
	}
	PUT("\nok\n");
	turns(2);
	assert_string_equal(story, "o:xxxxxxxx|l:ok|");
}

static void test_hold_stops_after_the_line_being_delivered(void **state)
{
	hold_each = true;
	PUT("a\nb\nc\n");
	turns(2);
	assert_string_equal(story, "l:a|");
	PUT("d\n");
	turns(2);
	assert_string_equal(story, "l:a|");
	lineio_hold(io, 0);
	assert_string_equal(story, "l:a|"); /* never from within */
	turns(1);
	assert_string_equal(story, "l:a|l:b|");
	hold_each = false;
	lineio_hold(io, 0);
	lineio_hold(io, 0);
	turns(1);
	assert_string_equal(story, "l:a|l:b|l:c|l:d|");
	lineio_hold(io, 0);
	lineio_hold(io, 1); /* thought better of it */
	PUT("e\n");
	turns(2);
	assert_string_equal(story, "l:a|l:b|l:c|l:d|");
}

static void test_end_is_told_at_once_while_held(void **state)
{
	hold_each = true;
	PUT("a\nb\nrest");
	turns(2);
	close(peer);
	peer = -1;
	turns(2);
	assert_string_equal(story, "l:a|e:|");
	hold_each = false;
	lineio_hold(io, 0);
	turns(2);
	assert_string_equal(story, "l:a|e:|l:b|");
}

static void test_held_peer_is_bounded_and_its_end_noticed(void **state)
{
	static char many[100000];
	ssize_t taken;

	memset(many, '\n', sizeof(many));
	hold_each = true;
	fcntl(peer, F_SETFL, O_NONBLOCK);
	PUT("a\n");
	turns(2);
	for (int i = 0; i < 100 && write(peer, many, sizeof(many)) > 0; i++)
		turns(2);
	taken = write(peer, many, sizeof(many));
	assert_true(taken == -1 && errno == EAGAIN);
	assert_string_equal(story, "l:a|");
	close(peer);
	peer = -1;
	turns(3);
	assert_string_equal(story, "l:a|e:|");
}

static void test_has_input(void **state)
{
	assert_false(lineio_has_input(io));
	PUT("a\n");
	turns(2);
	assert_false(lineio_has_input(io));
	PUT("b\npart");
	turns(2);
	assert_true(lineio_has_input(io));
	PUT("\n");
	turns(2);
	assert_false(lineio_has_input(io));
	PUT("123456789"); /* in the middle of an over-long line */
	turns(2);
	assert_true(lineio_has_input(io));
	assert_string_equal(story, "l:a|l:b|l:part|o:12345678|");
}

static void test_has_input_in_the_callback(void **state)
{
	ask_each = true;
	PUT("a\nb\n");
	turns(2);
	assert_string_equal(story, "l:a|+l:b|");
}

static void test_freed_in_each_callback(void **state)
{
	static const struct {
		const char *in, *story;
	} each[] = {
		{ "a\nb\n", "l:a|" },
		{ "123456789\nb\n", "o:12345678|" },
		{ "part", "p:part|" },
		{ "", "e:|" },
	};

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		close_io();
		open_io();
		free_each = true;
		put(each[i].in, strlen(each[i].in));
		shutdown(peer, SHUT_WR);
		turns(4);
		assert_string_equal(story, each[i].story);
		assert_null(io);
	}
}

static void test_freed_while_lines_are_due(void **state)
{
	hold_each = true;
	PUT("a\nb\n");
	turns(2);
	lineio_hold(io, 0);
	lineio_free(io);
	io = NULL;
	turns(2);
	assert_string_equal(story, "l:a|");
	lineio_free(NULL);
}

static void test_output_deadline_and_error(void **state)
{
	char got[16] = "";

	lineio_write(io, "hello\n", 6);
	assert_int_equal(lineio_pending(io), 6);
	lineio_flush(io);
	assert_int_equal(read(peer, got, sizeof(got)), 6);
	turns(1);
	lineio_set_deadline(io, loop_now(loop));
	loop_turn(loop, 1000);
	assert_string_equal(story, "d:|t:|");
	lineio_write(io, "bye", 3);
	lineio_end_output(io);
	turns(1);
	assert_int_equal(read(peer, got, sizeof(got)), 3);
	assert_int_equal(read(peer, got, sizeof(got)), 0);
	close_io();
	open_io();
	shutdown(peer, SHUT_RD);
	lineio_write(io, "x", 1);
	turns(2);
	assert_string_equal(story, "x:|");
	assert_int_equal(lineio_error(io), -EPIPE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lines_however_they_are_cut),
		TEST(test_overlong_is_told_when_the_limit_is_passed),
		TEST(test_endless_line_costs_nothing),
		TEST(test_hold_stops_after_the_line_being_delivered),
		TEST(test_end_is_told_at_once_while_held),
		TEST(test_held_peer_is_bounded_and_its_end_noticed),
		TEST(test_has_input),
		TEST(test_has_input_in_the_callback),
		TEST(test_freed_in_each_callback),
		TEST(test_freed_while_lines_are_due),
		TEST(test_output_deadline_and_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
