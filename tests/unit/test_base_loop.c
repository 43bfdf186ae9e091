#include "base/clock.h"
#include "base/loop.h"

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

/* What happened, a letter an event. */
static char story[256];

static void note(char c)
{
	size_t n = strlen(story);

	assert_true(n + 1 < sizeof(story));
	story[n] = c;
	story[n + 1] = '\0';
}

#define LETTER(c) ((void *)(intptr_t)(c))

static void note_arg(void *arg)
{
	note((char)(intptr_t)arg);
}

static struct loop *loop;

static int setup(void **state)
{
	story[0] = '\0';
	loop = loop_new();
	return loop == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	loop_free(loop);
	return 0;
}

/* Deferral */

static void defer_more(void *arg)
{
	note('b');
	loop_defer(loop, note_arg, LETTER('d'));
}

static void test_deferred_run_in_order_and_what_they_defer_too(void **state)
{
	loop_defer(loop, note_arg, LETTER('a'));
	loop_defer(loop, defer_more, NULL);
	loop_defer(loop, note_arg, LETTER('c'));
	assert_string_equal(story, "");
	loop_turn(loop, 0);
	assert_string_equal(story, "abcd");
	loop_turn(loop, 0);
	assert_string_equal(story, "abcd");
}

static void on_timer_defer(void *arg)
{
	note('t');
	loop_defer(loop, note_arg, LETTER('x'));
	note('u');
}

static void test_deferred_run_after_callbacks_of_their_turn(void **state)
{
	struct timer *t = timer_new(loop, on_timer_defer, NULL);

	timer_set(t, 0);
	loop_turn(loop, 1000);
	assert_string_equal(story, "tux");
	timer_free(t);
}

static void test_many_deferrals(void **state)
{
	int n = 0;

	for (int i = 0; i < 200; i++)
		loop_defer(loop, note_arg, LETTER('z'));
	loop_turn(loop, 0);
	while (story[n] == 'z')
		n++;
	assert_int_equal(n, 200);
}

static void test_loop_free_runs_what_is_deferred(void **state)
{
	struct loop *other = loop_new();

	loop_defer(other, note_arg, LETTER('f'));
	loop_free(other);
	assert_string_equal(story, "f");
	loop_free(NULL);
}

/* Running */

static void stop(void *arg)
{
	note('s');
	loop_stop(loop);
}

static void test_run_ends_when_nothing_is_left(void **state)
{
	struct timer *t = timer_new(loop, note_arg, LETTER('t'));

	assert_int_equal(loop_run(loop), 0);
	timer_set(t, 5);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(story, "t");
	timer_free(t);
}

static void test_stop_ends_run_after_the_turn(void **state)
{
	struct timer *t = timer_new(loop, stop, NULL);
	struct timer *never = timer_new(loop, note_arg, LETTER('n'));

	timer_set(never, 1000000);
	timer_set(t, 1);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(story, "s");
	loop_defer(loop, stop, NULL); /* outside of a turn: must not wait */
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(story, "ss");
	timer_free(t);
	timer_free(never);
}

static int64_t seen[2];

static void burn(void *arg)
{
	int64_t until = clock_mono_ms() + 3;

	seen[0] = loop_now(loop);
	while (clock_mono_ms() < until)
		;
	seen[1] = loop_now(loop);
}

static void test_one_turn_has_one_time(void **state)
{
	struct timer *t = timer_new(loop, burn, NULL);
	int64_t before = loop_now(loop);

	timer_set(t, 0);
	loop_turn(loop, 1000);
	assert_true(seen[0] >= before);
	assert_true(seen[0] == seen[1]);
	assert_true(loop_now(loop) >= seen[0] + 3);
	timer_free(t);
}

static void test_turn_waits_no_longer_than_told(void **state)
{
	int64_t before = clock_mono_ms();

	loop_turn(loop, 20);
	assert_true(clock_mono_ms() - before >= 15);
	assert_true(clock_mono_ms() - before < 5000);
}

/* Timers */

static void test_timer_fires_once_and_never_early(void **state)
{
	struct timer *t = timer_new(loop, note_arg, LETTER('t'));
	int64_t due = loop_now(loop) + 25;

	timer_set(t, 25);
	assert_true(timer_is_set(t));
	while (timer_is_set(t))
		loop_turn(loop, 1000);
	assert_true(loop_now(loop) >= due);
	loop_turn(loop, 5);
	assert_string_equal(story, "t");
	timer_free(t);
}

static void test_timer_moves_both_ways(void **state)
{
	struct timer *t = timer_new(loop, note_arg, LETTER('t'));
	int64_t start = loop_now(loop);

	timer_set(t, 1);
	timer_set(t, 30); /* later */
	while (timer_is_set(t))
		loop_turn(loop, 1000);
	assert_true(loop_now(loop) >= start + 30);
	timer_set(t, 600000);
	timer_set(t, 1); /* earlier */
	loop_run(loop);
	assert_string_equal(story, "tt");
	timer_set(t, 1);
	timer_clear(t);
	assert_false(timer_is_set(t));
	loop_turn(loop, 10);
	assert_string_equal(story, "tt");
	timer_set(t, -5);
	loop_run(loop);
	assert_string_equal(story, "ttt");
	timer_free(t);
	timer_free(NULL);
}

static struct timer *pair[2];

static void free_both(void *arg)
{
	note('f');
	timer_free(pair[0]);
	timer_free(pair[1]);
}

static void test_timer_freed_in_own_and_in_another_callback(void **state)
{
	pair[0] = timer_new(loop, free_both, NULL);
	pair[1] = timer_new(loop, free_both, NULL);
	timer_set(pair[0], 0);
	timer_set(pair[1], 0);
	loop_turn(loop, 1000);
	loop_turn(loop, 0);
	assert_string_equal(story, "f");
}

/* Watches */

static unsigned got;

static void on_ready(int fd, unsigned what, void *arg)
{
	got = what;
	note('w');
}

static unsigned turn_of(struct watch *w, unsigned what)
{
	got = 0;
	assert_int_equal(watch_set(w, what), 0);
	loop_turn(loop, 0);
	return got;
}

static void test_watch_is_level_triggered(void **state)
{
	int fds[2];
	struct watch *w;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	w = watch_new(loop, fds[0], on_ready, NULL);
	assert_int_equal(turn_of(w, WATCH_READ), 0);
	assert_int_equal(turn_of(w, WATCH_READ | WATCH_WRITE), WATCH_WRITE);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(turn_of(w, WATCH_READ | WATCH_WRITE), WATCH_READ | WATCH_WRITE);
	assert_int_equal(turn_of(w, WATCH_READ), WATCH_READ);
	assert_int_equal(turn_of(w, WATCH_READ), WATCH_READ);
	assert_int_equal(turn_of(w, 0), 0);
	watch_free(w);
	watch_free(NULL);
	close(fds[0]);
	close(fds[1]);
}

static void closed_is_seen_behind_unread_bytes(const int fds[2], void (*hang_up)(int fd))
{
	struct watch *w = watch_new(loop, fds[0], on_ready, NULL);

	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(turn_of(w, WATCH_CLOSED), 0);
	assert_int_equal(turn_of(w, WATCH_CLOSED), 0);
	hang_up(fds[1]);
	assert_int_equal(turn_of(w, WATCH_CLOSED), WATCH_CLOSED);
	assert_int_equal(turn_of(w, WATCH_CLOSED), 0); /* once: nothing spins */
	watch_free(w);
	close(fds[0]);
}

static void shut(int fd)
{
	shutdown(fd, SHUT_WR);
}

static void close_it(int fd)
{
	close(fd);
}

static void test_watch_closed(void **state)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	closed_is_seen_behind_unread_bytes(fds, shut);
	close(fds[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	closed_is_seen_behind_unread_bytes(fds, close_it);
	assert_int_equal(pipe(fds), 0);
	closed_is_seen_behind_unread_bytes(fds, close_it);
}

static struct watch *watches[2];

static void free_watches(int fd, unsigned what, void *arg)
{
	note('f');
	watch_free(watches[0]);
	watch_free(watches[1]);
}

static void test_watch_freed_in_another_callback_of_the_turn(void **state)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	for (int i = 0; i < 2; i++) {
		watches[i] = watch_new(loop, fds[i], free_watches, NULL);
		watch_set(watches[i], WATCH_WRITE);
	}
	loop_turn(loop, 1000);
	loop_turn(loop, 0);
	assert_string_equal(story, "f");
	close(fds[0]);
	close(fds[1]);
}

static void test_watch_of_a_regular_file_is_an_error(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct watch *w = watch_new(loop, fd, on_ready, NULL);

	assert_true(watch_set(w, WATCH_READ) < 0);
	watch_free(w);
	close(fd);
}

/* Signals */

static void on_signal(int signo, void *arg)
{
	note(signo == SIGUSR1 ? '1' : '2');
}

static void test_signals_arrive_by_the_loop(void **state)
{
	assert_int_equal(loop_signal(loop, SIGUSR1, on_signal, NULL), 0);
	assert_int_equal(loop_signal(loop, SIGUSR2, on_signal, NULL), 0);
	raise(SIGUSR1);
	assert_string_equal(story, "");
	loop_turn(loop, 1000);
	raise(SIGUSR2);
	loop_turn(loop, 1000);
	raise(SIGUSR1);
	loop_turn(loop, 1000);
	assert_string_equal(story, "121");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_deferred_run_in_order_and_what_they_defer_too),
		TEST(test_deferred_run_after_callbacks_of_their_turn),
		TEST(test_many_deferrals),
		TEST(test_loop_free_runs_what_is_deferred),
		TEST(test_run_ends_when_nothing_is_left),
		TEST(test_stop_ends_run_after_the_turn),
		TEST(test_one_turn_has_one_time),
		TEST(test_turn_waits_no_longer_than_told),
		TEST(test_timer_fires_once_and_never_early),
		TEST(test_timer_moves_both_ways),
		TEST(test_timer_freed_in_own_and_in_another_callback),
		TEST(test_watch_is_level_triggered),
		TEST(test_watch_closed),
		TEST(test_watch_freed_in_another_callback_of_the_turn),
		TEST(test_watch_of_a_regular_file_is_an_error),
		TEST(test_signals_arrive_by_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
