#include "base/desk.h"

#include "base/listen.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_LINE 50
#define TURNS 200 /* of at most TURN_MS each; what must come does so in far fewer */
#define TURN_MS 50

static char folder[64];
static struct address at;
static struct loop *loop;
static struct desk *desk;

static struct visitor *waiting; /* who has asked `later` and is still there */
static int n_gone;
static char more_line[64];

/* `later` waits, `hang up` gets nothing, everything else is sent back. */
static void on_request(struct visitor *v, char *line, void *arg)
{
	char reply[128];

	desk_drop_cr(line);
	snprintf(reply, sizeof(reply), "<%s>\n", line);
	if (strcmp(line, "later") == 0) {
		waiting = v;
		visitor_set(v, &waiting);
	} else if (strcmp(line, "hang up") == 0)
		visitor_reply(v, "", 0);
	else if (strcmp(line, "no lf") == 0)
		visitor_reply(v, "x", 1);
	else
		visitor_reply(v, reply, strlen(reply));
}

static void on_more(struct visitor *v, char *line, void *arg)
{
	assert_ptr_equal(visitor_get(v), &waiting);
	snprintf(more_line, sizeof(more_line), "%s", line);
}

static void on_gone(struct visitor *v, void *arg)
{
	assert_ptr_equal(v, waiting);
	waiting = NULL;
	n_gone++;
}

static const struct desk_events events = { .request = on_request, .more = on_more, .gone = on_gone };

static int setup(void **state)
{
	struct desk_config config = {
		.passed_fd = -1,
		.backlog = 10,
		.umask = 077,
		.max_line = MAX_LINE,
		.max_visitors = 3,
		.limit_ms = 10000,
		.keeps = true,
	};
	char path[80];

	snprintf(folder, sizeof(folder), "/tmp/test_base_desk.XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/sock", folder);
	assert_int_equal(address_parse(path, ADDRESS_LOOPBACK, &at), ADDRESS_OK);
	loop = loop_new();
	config.address = at;
	waiting = NULL;
	n_gone = 0;
	more_line[0] = '\0';
	assert_int_equal(desk_open(loop, &config, &events, NULL, &desk), 0);
	return 0;
}

static int teardown(void **state)
{
	desk_free(desk);
	assert_int_not_equal(access(at.un.sun_path, F_OK), 0);
	loop_free(loop);
	rmdir(folder);
	return 0;
}

static int come(void)
{
	int in_progress, fd = connect_open(&at, &in_progress);

	assert_true(fd >= 0);
	return fd;
}

static void say(int fd, const char *bytes)
{
	assert_int_equal(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
}

/* Turn until the visitor has something to read. */
static void turn_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (int i = 0; i < TURNS && poll(&p, 1, 0) == 0; i++)
		loop_turn(loop, TURN_MS);
}

/* What comes next, once it is `n` bytes or the end of file. */
static void assert_hears(int fd, const char *expected)
{
	char bytes[256] = "";
	size_t got = 0, n = strlen(expected);
	ssize_t more = 1;

	while (got < n && more > 0) {
		turn_for(fd);
		more = recv(fd, bytes + got, n - got, MSG_DONTWAIT);
		got += more > 0 ? (size_t)more : 0;
	}
	assert_string_equal(bytes, expected);
}

static void assert_at_end(int fd)
{
	char byte;

	turn_for(fd);
	assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) <= 0);
	close(fd);
}

static void one_reply(const char *request, const char *reply)
{
	int fd = come();

	say(fd, request);
	assert_hears(fd, reply);
	assert_at_end(fd);
}

static void each_gets_one_reply(void **state)
{
	one_reply("hello\n", "<hello>\n");
	one_reply("hello\r\n", "<hello>\n");
	one_reply("hello\r\r\n", "<hello\r>\n");
	one_reply("\n", "<>\n");
	one_reply("one\ntwo\n", "<one>\n");
	one_reply("hang up\n", "");
	one_reply("0123456789012345678901234567890123456789012345678901234567890\n",
		  "error: Command too long\n");
}

static int later(void)
{
	int fd = come();

	say(fd, "later\n");
	for (int i = 0; i < TURNS && waiting == NULL; i++)
		loop_turn(loop, TURN_MS);
	assert_non_null(waiting);
	return fd;
}

static void reply_may_come_later(void **state)
{
	int fd = later();

	one_reply("meanwhile\n", "<meanwhile>\n");
	say(fd, "and this\n");
	for (int i = 0; i < TURNS && more_line[0] == '\0'; i++)
		loop_turn(loop, TURN_MS);
	assert_string_equal(more_line, "and this");
	visitor_reply(waiting, "now\n", 4);
	assert_hears(fd, "now\n");
	assert_at_end(fd);
	assert_int_equal(n_gone, 0);
}

static void who_leaves_is_told_of(void **state)
{
	close(later());
	for (int i = 0; i < TURNS && n_gone == 0; i++)
		loop_turn(loop, TURN_MS);
	assert_int_equal(n_gone, 1);
}

static void end_hangs_up(void **state)
{
	int fd = later();

	desk_close(desk);
	desk_free(desk);
	desk = NULL;
	assert_int_equal(n_gone, 1);
	assert_at_end(fd);
}

static void connection_is_kept_when_wanted(void **state)
{
	int fd = come();

	say(fd, "one\nkeep\n");
	assert_hears(fd, "<one>\nkept\n");
	say(fd, "two\nkeep\n");
	assert_hears(fd, "<two>\nkept\n");
	say(fd, "three\n");
	assert_hears(fd, "<three>\n");
	assert_at_end(fd);
	one_reply("no lf\nkeep\n", "x");
}

static void idle_one_ends_with_the_desk(void **state)
{
	int fd = come();

	say(fd, "one\nkeep\n");
	assert_hears(fd, "<one>\nkept\n");
	loop_turn(loop, 0);
	desk_close(desk);
	assert_at_end(fd);
}

static void one_too_many_is_hung_up_on(void **state)
{
	int fds[3];

	for (int i = 0; i < 3; i++) {
		fds[i] = come();
		say(fds[i], i == 0 ? "later\n" : "unfinished");
	}
	for (int i = 0; i < TURNS && waiting == NULL; i++)
		loop_turn(loop, TURN_MS);
	assert_at_end(come());
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_gets_one_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(reply_may_come_later, setup, teardown),
		cmocka_unit_test_setup_teardown(who_leaves_is_told_of, setup, teardown),
		cmocka_unit_test_setup_teardown(end_hangs_up, setup, teardown),
		cmocka_unit_test_setup_teardown(connection_is_kept_when_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(idle_one_ends_with_the_desk, setup, teardown),
		cmocka_unit_test_setup_teardown(one_too_many_is_hung_up_on, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
