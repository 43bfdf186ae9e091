#include "base/daemon.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

static int saved_stderr, read_end;

static void catch_stderr(void)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	read_end = fds[0];
}

/* What was written since catch_stderr(). */
static const char *caught(void)
{
	static char text[20000];
	size_t n = 0;
	ssize_t got;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	while (n < sizeof(text) - 1 && (got = read(read_end, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	close(read_end);
	text[n] = '\0';
	return text;
}

static const char *line(const char *rest)
{
	static char text[256];

	snprintf(text, sizeof(text), "tag[%d]: %s\n", (int)getpid(), rest);
	return text;
}

static void test_foreground_lines(void **state)
{
	log_open("tag", LOG_USER, true);
	catch_stderr();
	log_info("hello %d", 1);
	assert_string_equal(caught(), line("info: hello 1"));
	catch_stderr();
	log_info_to(LOG_LOCAL3, "elsewhere");
	assert_string_equal(caught(), line("info: elsewhere"));
	catch_stderr();
	log_warn("w");
	assert_string_equal(caught(), line("warning: w"));
	catch_stderr();
	log_err("e");
	assert_string_equal(caught(), line("error: e"));
}

static void test_background_is_silent(void **state)
{
	log_open("tag", LOG_USER, false);
	catch_stderr();
	log_err("e");
	assert_string_equal(caught(), "");
}

static void test_level(void **state)
{
	log_open("tag", LOG_USER, true);
	catch_stderr();
	log_debug("unseen");
	log_level(LOG_DEBUG);
	log_debug("seen");
	log_level(LOG_ERR);
	log_warn("unseen");
	log_level(LOG_INFO);
	assert_string_equal(caught(), line("debug: seen"));
}

static void test_control_bytes_are_disarmed(void **state)
{
	log_open("tag", LOG_USER, true);
	catch_stderr();
	log_info("a\nb\rc\td\x1b[1m\x7f caf\xc3\xa9");
	assert_string_equal(caught(), line("info: a?b?c?d?[1m? caf\xc3\xa9"));
}

static void test_long_text_is_cut(void **state)
{
	char *much = malloc(100001);
	const char *text;
	size_t n;

	memset(much, 'x', 100000);
	much[100000] = '\0';
	log_open("tag", LOG_USER, true);
	catch_stderr();
	errno = EDOM;
	log_info("%s", much);
	assert_int_equal(errno, EDOM);
	text = caught();
	n = strlen(text);
	assert_int_equal(n, PIPE_BUF);
	assert_string_equal(text + n - 5, "x...\n");
	assert_ptr_equal(strchr(text, '\n'), text + n - 1);
	free(much);
}

/* A pipe that nobody reads: its end is full, and a blocking write would wait for ever. */
static void test_full_pipe_does_not_block(void **state)
{
	static char page[PIPE_BUF];
	int flags;

	log_open("tag", LOG_USER, true);
	catch_stderr();
	flags = fcntl(STDERR_FILENO, F_GETFL);
	fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
	while (write(STDERR_FILENO, page, sizeof(page)) > 0)
		;
	fcntl(STDERR_FILENO, F_SETFL, flags);
	alarm(10);
	log_info("dropped");
	alarm(0);
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFL), flags);
	for (int held = 1; held > 0; ioctl(read_end, FIONREAD, &held))
		assert_int_equal(read(read_end, page, sizeof(page)), sizeof(page));
	log_info("seen");
	assert_string_equal(caught(), line("info: seen"));
}

static void test_start_error_in_the_foreground(void **state)
{
	log_open("tag", LOG_USER, true);
	catch_stderr();
	daemon_fail(70, "no socket %s", "/x");
	daemon_ready(); /* nothing */
	assert_string_equal(caught(), "tag: no socket /x\n");
}

static void test_facilities(void **state)
{
	static const struct {
		const char *name;
		int value;
	} cases[] = {
		{ "mail", LOG_MAIL },
		{ "LOG_MAIL", LOG_MAIL },
		{ "Log_Local3", LOG_LOCAL3 },
		{ "local0", LOG_LOCAL0 },
		{ "local7", LOG_LOCAL7 },
		{ "DAEMON", LOG_DAEMON },
		{ "user", LOG_USER },
		{ "authpriv", LOG_AUTHPRIV },
		{ "local8", -1 },
		{ "", -1 },
		{ "LOG_", -1 },
		{ "mail ", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(log_facility(cases[i].name), cases[i].value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_foreground_lines),
		cmocka_unit_test(test_background_is_silent),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_control_bytes_are_disarmed),
		cmocka_unit_test(test_long_text_is_cut),
		cmocka_unit_test(test_full_pipe_does_not_block),
		cmocka_unit_test(test_start_error_in_the_foreground),
		cmocka_unit_test(test_facilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
