#include "base/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static struct address at; /* a socket in it */
static struct loop *loop;

static int setup(void **state)
{
	char path[80];

	strcpy(folder, "/tmp/test_base_listen.XXXXXX");
	if (mkdtemp(folder) == NULL || (loop = loop_new()) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/sock", folder);
	return address_parse(path, ADDRESS_LOOPBACK, &at) == ADDRESS_OK ? 0 : -1;
}

static int teardown(void **state)
{
	loop_free(loop);
	unlink(at.un.sun_path);
	return rmdir(folder);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode : 0;
}

/* Sockets */

static void test_socket_file_is_made_under_the_mask(void **state)
{
	mode_t before = umask(022);
	int fd = listen_open(&at, 5, 027);

	assert_true(fd >= 0);
	assert_int_equal(mode_of(at.un.sun_path), S_IFSOCK | 0750);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(umask(before), 022);
	listen_unlink(&at, fd);
	assert_int_equal(mode_of(at.un.sun_path), 0);
	close(fd);
}

static void test_stale_socket_makes_way(void **state)
{
	int fd = listen_open(&at, 5, 077);

	close(fd);
	assert_true(S_ISSOCK(mode_of(at.un.sun_path)));
	fd = listen_open(&at, 5, 077);
	assert_true(fd >= 0);
	close(fd);
}

static void test_socket_in_use_stays(void **state)
{
	int fd = listen_open(&at, 2, 077), other, in_progress;

	assert_int_equal(listen_open(&at, 5, 077), -EADDRINUSE);
	while ((other = connect_open(&at, &in_progress)) >= 0)
		close(other);
	assert_int_equal(other, -EAGAIN); /* too busy to answer */
	assert_int_equal(listen_open(&at, 5, 077), -EADDRINUSE);
	assert_true(S_ISSOCK(mode_of(at.un.sun_path)));
	close(fd);
}

static void test_what_is_not_a_socket_stays(void **state)
{
	int fd = open(at.un.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	close(fd);
	assert_int_equal(listen_open(&at, 5, 077), -EEXIST);
	assert_true(S_ISREG(mode_of(at.un.sun_path)));
	unlink(at.un.sun_path);
	assert_int_equal(symlink("/nowhere", at.un.sun_path), 0);
	assert_int_equal(listen_open(&at, 5, 077), -EEXIST);
	assert_true(S_ISLNK(mode_of(at.un.sun_path)));
}

static void test_missing_folder(void **state)
{
	struct address a;

	assert_int_equal(address_parse("/nowhere/at/all", ADDRESS_LOOPBACK, &a), ADDRESS_OK);
	assert_int_equal(listen_open(&a, 5, 077), -ENOENT);
}

static void test_unlink_spares_what_nobody_answers_on(void **state)
{
	int fd = listen_open(&at, 5, 077);

	unlink(at.un.sun_path);
	listen_unlink(&at, fd); /* gone already */
	close(listen_open(&at, 5, 077));
	listen_unlink(&at, fd); /* somebody else's by now */
	assert_true(S_ISSOCK(mode_of(at.un.sun_path)));
	close(fd);
}

/* Listen on any port of a family's loopback; skips where there is no such family. */
/* -1 on a machine without the family. */
static int listen_tcp(const char *text, struct address *a)
{
	socklen_t len;
	int fd;

	assert_int_equal(address_parse(text, ADDRESS_LOOPBACK, a), ADDRESS_OK);
	a->in.sin_port = 0;
	if ((fd = listen_open(a, 5, 0)) == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT)
		return -1;
	assert_true(fd >= 0);
	len = a->len;
	assert_int_equal(getsockname(fd, &a->sa, &len), 0);
	return fd;
}

static void test_tcp(void **state)
{
	struct address a;
	int fd = listen_tcp("inet:1", &a), on = 0;
	socklen_t len = sizeof(on);

	if (fd == -1)
		return; /* not skip(): cmocka's TAP says `not ok` to that */
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, &len), 0);
	assert_true(on);
	assert_int_equal(listen_open(&a, 5, 0), -EADDRINUSE);
	listen_unlink(&a, fd);
	close(fd);
}

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void on_tcp_accept(int fd, void *arg)
{
	*(int *)arg = fd;
}

static void test_tcp_connections_are_kept_alive(void **state)
{
	struct address a;
	int fd = listen_tcp("inet:1", &a), accepted = -1, client, in_progress;
	struct listener *l;

	if (fd == -1)
		return;
	l = listener_new(loop, fd, on_tcp_accept, &accepted);
	client = connect_open(&a, &in_progress);
	assert_true(client >= 0);
	loop_turn(loop, 5000);
	assert_true(accepted >= 0);
	assert_int_equal(option_of(accepted, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_in_range(option_of(accepted, IPPROTO_TCP, TCP_KEEPIDLE) +
				option_of(accepted, IPPROTO_TCP, TCP_KEEPINTVL) *
					option_of(accepted, IPPROTO_TCP, TCP_KEEPCNT),
			1, 180);
	close(accepted);
	close(client);
	listener_free(l);
}

static void test_tcp6_is_only_that(void **state)
{
	struct address a;
	int fd = listen_tcp("inet6:1", &a), on = 0;
	socklen_t len = sizeof(on);

	if (fd == -1)
		return;
	assert_int_equal(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, &len), 0);
	assert_true(on);
	close(fd);
}

static void test_connect_to_nobody(void **state)
{
	int in_progress;

	assert_int_equal(connect_open(&at, &in_progress), -ENOENT);
	close(listen_open(&at, 5, 077));
	assert_int_equal(connect_open(&at, &in_progress), -ECONNREFUSED);
}

/* The listener */

static struct listener *listener;
static int n_accepted, free_at;

static void on_accept(int fd, void *arg)
{
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	if (++n_accepted == free_at) {
		listener_free(listener);
		listener = NULL;
	}
}

static void start(int backlog)
{
	int fd = listen_open(&at, backlog, 077);

	n_accepted = 0;
	free_at = -1;
	listener = listener_new(loop, fd, on_accept, NULL);
	assert_non_null(listener);
}

static void connect_times(int n)
{
	int in_progress;

	while (n-- > 0) {
		int fd = connect_open(&at, &in_progress);

		assert_true(fd >= 0);
		close(fd);
	}
}

static void test_accepts_a_bounded_number_a_turn(void **state)
{
	start(200);
	connect_times(150);
	for (int turn = 0; turn < 10; turn++) {
		int before = n_accepted;

		loop_turn(loop, 0);
		assert_in_range(n_accepted - before, before < 150, 100);
	}
	assert_int_equal(n_accepted, 150);
	listener_free(listener);
}

static void test_pause(void **state)
{
	start(10);
	listener_pause(listener, 1);
	connect_times(2);
	loop_turn(loop, 0);
	assert_int_equal(n_accepted, 0);
	listener_pause(listener, 0);
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	assert_int_equal(n_accepted, 2);
	listener_free(listener);
	listener_free(NULL);
}

static void test_freed_in_its_callback(void **state)
{
	start(10);
	free_at = 2;
	connect_times(4);
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	assert_int_equal(n_accepted, 2);
	assert_null(listener);
}

static void test_rests_when_descriptors_run_out(void **state)
{
	struct rlimit was, none;
	int64_t start_ms;

	start(10);
	connect_times(1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	start_ms = loop_now(loop);
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(n_accepted, 0);
	while (n_accepted == 0 && loop_now(loop) < start_ms + 10000)
		loop_turn(loop, 1000);
	assert_int_equal(n_accepted, 1);
	assert_true(loop_now(loop) >= start_ms + 1000);
	listener_free(listener);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_socket_file_is_made_under_the_mask),
		TEST(test_stale_socket_makes_way),
		TEST(test_socket_in_use_stays),
		TEST(test_what_is_not_a_socket_stays),
		TEST(test_missing_folder),
		TEST(test_unlink_spares_what_nobody_answers_on),
		TEST(test_tcp),
		TEST(test_tcp_connections_are_kept_alive),
		TEST(test_tcp6_is_only_that),
		TEST(test_connect_to_nobody),
		TEST(test_accepts_a_bounded_number_a_turn),
		TEST(test_pause),
		TEST(test_freed_in_its_callback),
		TEST(test_rests_when_descriptors_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
