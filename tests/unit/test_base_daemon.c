/* Pid and lock files. The way into the background is in test_base_spawn.c, which starts processes. */
#include "base/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[80];

static int setup(void **state)
{
	strcpy(folder, "/tmp/test_base_daemon.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return rmdir(folder);
}

static void fill(const char *text)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* The bytes of the file, which fit. */
static const char *content(void)
{
	static char text[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static void test_pidfile(void **state)
{
	char want[32];
	struct stat st;
	mode_t before = umask(077);
	int fd;

	fill("123456789 of another\n");
	fd = pidfile_open(path);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_string_equal(content(), "123456789 of another\n"); /* not truncated before we write */
	snprintf(want, sizeof(want), "%d\n", (int)getpid());
	assert_int_equal(pidfile_write(fd), 0);
	assert_string_equal(content(), want);
	pidfile_remove(path, fd);
	assert_int_equal(access(path, F_OK), -1);
	close(fd);
	fd = pidfile_open(path);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644); /* whatever the umask, which stays */
	assert_int_equal(umask(before), 077);
	close(fd);
}

static void test_pidfile_of_another_stays(void **state)
{
	int fd = pidfile_open(path);

	unlink(path);
	fill("4711\n");
	pidfile_remove(path, fd);
	assert_string_equal(content(), "4711\n");
	close(fd);
}

static void test_pidfile_is_no_link_and_no_fifo(void **state)
{
	char other[96];

	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(pidfile_open(path), -ELOOP);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(pidfile_open(path), -EINVAL);
	unlink(path);
	fill("precious");
	snprintf(other, sizeof(other), "%s.2", path);
	assert_int_equal(link(path, other), 0);
	assert_int_equal(pidfile_open(path), -EMLINK);
	assert_string_equal(content(), "precious");
	unlink(other);
	assert_int_equal(pidfile_open("/nowhere/file"), -ENOENT);
}

static void test_lockfile(void **state)
{
	struct stat st;
	int fd = lockfile_take(path, false);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	lockfile_remove(path, fd);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(lockfile_take("/nowhere/file", false), -ENOENT);
}

/* One that a crash has left behind may have been made with other rights. */
static void test_lockfile_of_the_group(void **state)
{
	struct stat st;
	int fd;

	fill("");
	assert_int_equal(chmod(path, 0600), 0);
	for (int group = 1; group >= 0; group--) {
		fd = lockfile_take(path, group == 1);
		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_mode & 07777, group == 1 ? 0640 : 0600);
		close(fd);
	}
	unlink(path);
}

/* A lock of the open file description conflicts with fcntl()'s even inside one process. */
static void test_lockfile_is_held_by_another(void **state)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, taken;

	fill("");
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &whole), 0);
	taken = lockfile_take(path, false);
	assert_int_equal(taken, -EAGAIN);
	close(fd);
}

/* Another copy may have removed the file that we hold and made its own: that one is not ours to remove. */
static void test_lockfile_of_another_stays(void **state)
{
	int fd = lockfile_take(path, false);

	assert_true(fd >= 0);
	unlink(path);
	fill("");
	lockfile_remove(path, fd);
	assert_int_equal(access(path, F_OK), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pidfile),
		TEST(test_pidfile_of_another_stays),
		TEST(test_pidfile_is_no_link_and_no_fifo),
		TEST(test_lockfile),
		TEST(test_lockfile_of_the_group),
		TEST(test_lockfile_is_held_by_another),
		TEST(test_lockfile_of_another_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
