/* The one unit test that starts processes: they are what its module is about. Run with an argument it is
 * itself such a process, which goes into the background. */
#include "base/daemon.h"
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

struct result {
	int status; /* exit status, or 128 and the signal */
	char out[1024], err[1024];
};

static void slurp(int fd, char *text, size_t size)
{
	size_t n = 0;
	ssize_t got;

	while (n < size - 1 && (got = read(fd, text + n, size - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(fd);
}

/* Run to the end of it and of its output. */
static struct result run(struct spawn how, bool swapped)
{
	int out[2], err[2], status;
	struct result r;
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	how.fds = swapped ? (const int[]){ -1, err[1], out[1] } : (const int[]){ -1, out[1], err[1] };
	how.n_fds = 3;
	pid = spawn(&how);
	assert_true(pid > 0);
	close(out[1]);
	close(err[1]);
	slurp(out[0], r.out, sizeof(r.out));
	slurp(err[0], r.err, sizeof(r.err));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	r.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return r;
}

static struct spawn sh(const char *script)
{
	static char *argv[4];

	argv[0] = (char *)"sh";
	argv[1] = (char *)"-c";
	argv[2] = (char *)script;
	return (struct spawn){ .path = "/bin/sh", .argv = argv, .umask = -1 };
}

static void test_runs_a_program(void **state)
{
	struct result r = run(sh("echo $0; echo to-err >&2; exit 7"), false);

	assert_int_equal(r.status, 7);
	assert_string_equal(r.out, "sh\n");
	assert_string_equal(r.err, "to-err\n");
}

static void test_descriptors_are_mapped_and_no_others_left(void **state)
{
	int stray = open("/dev/null", O_RDONLY); /* not close-on-exec */
	struct result r = run(sh("echo to-out; echo to-err >&2"), true);

	assert_string_equal(r.out, "to-err\n");
	assert_string_equal(r.err, "to-out\n");
	r = run(sh("for i in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$i ] && printf $i; done"), false);
	assert_string_equal(r.out, "12");
	close(stray);
}

/* A source that is another's target, and one source for two. */
static void test_descriptors_that_cross(void **state)
{
	struct spawn how = sh("echo 3 >&3; echo 4 >&4; echo 5 >&5");
	char three[16], rest[16];
	int a[2], b[2], low, high, status;
	pid_t pid;

	assert_int_equal(pipe2(a, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b, O_CLOEXEC), 0);
	low = fcntl(a[1], F_DUPFD_CLOEXEC, 3);
	high = fcntl(b[1], F_DUPFD_CLOEXEC, low + 1);
	how.fds = (const int[]){ 0, 1, 2, high, low, low };
	how.n_fds = 6;
	pid = spawn(&how);
	close(a[1]);
	close(b[1]);
	close(low);
	close(high);
	slurp(b[0], three, sizeof(three));
	slurp(a[0], rest, sizeof(rest));
	waitpid(pid, &status, 0);
	assert_string_equal(three, "3\n");
	assert_string_equal(rest, "4\n5\n");
}

static void on_signal(int signo)
{
}

/* 32 and 33 belong to the C library, which lets nobody change them; GNU make leaves them ignored. */
#define LIBC_SIGNALS (3ULL << 31)

static void test_signals_are_reset(void **state)
{
	unsigned long long blocked, ignored;
	struct result r;
	sigset_t set, old;

	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	r = run(sh("exec grep -E '^Sig(Blk|Ign)' /proc/self/status"), false);
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(sscanf(r.out, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
	assert_true(blocked == 0);
	assert_true((ignored & ~LIBC_SIGNALS) == 1ULL << (SIGPIPE - 1));
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
}

static void test_child_leads_its_group(void **state)
{
	struct spawn how = sh("sleep 1000 & wait");
	int status;
	pid_t pid;

	how.fds = (const int[]){ -1, 1, 2 };
	how.n_fds = 3;
	pid = spawn(&how);
	assert_int_equal(getpgid(pid), pid); /* at once */
	assert_int_equal(kill(-pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void test_surroundings(void **state)
{
	struct spawn how = sh("pwd; umask; ulimit -v; ulimit -d");
	struct result r;

	how.cwd = "/usr";
	how.umask = 037;
	how.max_memory = 1 << 30;
	r = run(how, false);
	assert_string_equal(r.out, "/usr\n0037\n1048576\n1048576\n");
}

static void test_failures_say_why(void **state)
{
	struct spawn how = sh("");
	struct result r;

	how.path = "/nowhere/program";
	r = run(how, false);
	assert_int_equal(r.status, 127);
	assert_string_equal(r.err, "cannot execute /nowhere/program: No such file or directory\n");
	how = sh("");
	how.cwd = "/nowhere";
	r = run(how, false);
	assert_int_equal(r.status, 127);
	assert_string_equal(r.err, "cannot enter /nowhere: No such file or directory\n");
}

/* Into the background */

static int be_daemon(const char *how)
{
	if (daemon_begin() < 0)
		return EX_OSERR;
	if (strcmp(how, "die") == 0)
		return 0; /* without a word */
	if (strcmp(how, "fail") == 0)
		daemon_fail(EX_CONFIG, "no such user `%s'", "x");
	if (getsid(0) == getpid()) /* it could get a terminal */
		daemon_fail(EX_SOFTWARE, "leads its session");
	if (strcmp(how, "warn") == 0) {
		daemon_warn("no %s", "name");
		daemon_warn("no key");
	}
	dprintf(STDERR_FILENO, "lost");
	daemon_ready(); /* nothing after daemon_fail() */
	return 0;
}

static struct result run_daemon(const char *how)
{
	char *argv[] = { (char *)"test", (char *)how, NULL };

	return run((struct spawn){ .path = "/proc/self/exe", .argv = argv, .umask = -1 }, false);
}

static void test_parent_waits_for_readiness(void **state)
{
	struct result r = run_daemon("ready");

	assert_string_equal(r.err, "");
	assert_int_equal(r.status, 0);
}

static void test_parent_passes_warnings_on(void **state)
{
	struct result r = run_daemon("warn");

	assert_string_equal(r.err, "no name\nno key\n");
	assert_int_equal(r.status, 0);
}

static void test_parent_passes_an_error_on(void **state)
{
	struct result r = run_daemon("fail");

	assert_string_equal(r.err, "Error from child: no such user `x'\n");
	assert_int_equal(r.status, EX_CONFIG);
}

static void test_daemon_that_dies_without_a_word(void **state)
{
	struct result r = run_daemon("die");

	assert_string_equal(r.err, "Error from child: it ended before it was ready\n");
	assert_int_equal(r.status, EX_SOFTWARE);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_a_program),
		cmocka_unit_test(test_descriptors_are_mapped_and_no_others_left),
		cmocka_unit_test(test_descriptors_that_cross),
		cmocka_unit_test(test_signals_are_reset),
		cmocka_unit_test(test_child_leads_its_group),
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_failures_say_why),
		cmocka_unit_test(test_parent_waits_for_readiness),
		cmocka_unit_test(test_parent_passes_warnings_on),
		cmocka_unit_test(test_parent_passes_an_error_on),
		cmocka_unit_test(test_daemon_that_dies_without_a_word),
	};

	if (argc > 1)
		return be_daemon(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
