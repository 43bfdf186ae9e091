/* Where and how often the service manager wants to hear of us; what arrives there. */
#include "base/sdnotify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void addresses(void **state)
{
	char path[120];
	struct sockaddr_un a;
	socklen_t len;

	assert_true(sdnotify_address("/run/notify", &a, &len));
	assert_string_equal(a.sun_path, "/run/notify");
	assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 12);
	assert_true(sdnotify_address("@name", &a, &len));
	assert_memory_equal(a.sun_path, "\0name", 5);
	assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 5);
	assert_false(sdnotify_address("", &a, &len));
	assert_false(sdnotify_address("@", &a, &len));
	assert_false(sdnotify_address("run/notify", &a, &len));
	assert_false(sdnotify_address("vsock:2:1", &a, &len));
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	assert_true(sdnotify_address(path, &a, &len));
	path[107] = 'x';
	path[108] = '\0';
	assert_false(sdnotify_address(path, &a, &len));
}

static void watchdog(void **state)
{
	static const struct {
		const char *usec, *pid;
		int64_t ms;
	} cases[] = {
		{ NULL, NULL, 0 },       { "30000000", NULL, 15000 }, { "30000000", "77", 15000 },
		{ "30000000", "78", 0 }, { "30000000", "x", 0 },      { "0", NULL, 0 },
		{ "1", NULL, 1 },        { "-5", NULL, 0 },           { "x", NULL, 0 },
		{ "5000", "77", 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(sdnotify_watchdog_parse(cases[i].usec, cases[i].pid, 77), cases[i].ms);
}

static void tells(void **state)
{
	char name[64], text[64];
	struct sockaddr_un a;
	socklen_t len;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t n;

	sdnotify("READY=1"); /* nobody wants to hear */
	assert_int_equal(sdnotify_watchdog_ms(), 0);
	snprintf(name, sizeof(name), "@defang-test-%d", (int)getpid());
	assert_true(sdnotify_address(name, &a, &len));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "2000000", 1);
	assert_int_equal(sdnotify_open(), 0);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_int_equal(sdnotify_watchdog_ms(), 1000);
	sdnotify("READY=1\nSTATUS=%d loops", 4);
	n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	assert_int_equal(n, strlen("READY=1\nSTATUS=4 loops"));
	assert_memory_equal(text, "READY=1\nSTATUS=4 loops", (size_t)n);
	sdnotify_alive(NULL);
	n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	assert_int_equal(n, strlen("WATCHDOG=1"));
	sdnotify_alive("%d workers"); /* no format */
	n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	assert_int_equal(n, strlen("WATCHDOG=1\nSTATUS=%d workers"));
	assert_memory_equal(text, "WATCHDOG=1\nSTATUS=%d workers", (size_t)n);
	for (int i = 0; i < 10000; i++) /* more than a socket holds */
		sdnotify_alive(NULL);
	close(fd);
	sdnotify("STOPPING=1"); /* nobody there any more */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(watchdog),
		cmocka_unit_test(tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
