#include "milter/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char path[64];
	int fd;
};

static int set_up(void **state)
{
	static struct place place;

	memcpy(place.path, "/tmp/defang-spool-XXXXXX", 25);
	if (mkdtemp(place.path) == NULL)
		return -1;
	umask(077);
	place.fd = open(place.path, O_RDONLY | O_DIRECTORY);
	*state = &place;
	return place.fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	close(place->fd);
	return rmdir(place->path); /* each test has to leave it empty */
}

static size_t size_of(const struct place *place, const char *name)
{
	struct stat st;

	return fstatat(place->fd, name, &st, 0) == 0 ? (size_t)st.st_size : SIZE_MAX;
}

static void files_appear_when_synced(void **state)
{
	struct place *place = *state;
	struct spool *s;

	assert_int_equal(spool_new(place->fd, "d", false, &s), 0);
	buf_adds(spool_buf(s, SPOOL_COMMANDS), "abc");
	assert_int_equal(spool_added(s, SPOOL_COMMANDS), 0);
	assert_int_equal(size_of(place, "d/COMMANDS"), SIZE_MAX);
	assert_int_equal(spool_sync(s), 0);
	assert_int_equal(size_of(place, "d/COMMANDS"), 3);
	assert_int_equal(size_of(place, "d/HEADERS"), 0);
	assert_int_equal(size_of(place, "d/INPUTMSG"), SIZE_MAX);
	buf_adds(spool_buf(s, SPOOL_COMMANDS), "def");
	buf_adds(spool_buf(s, SPOOL_INPUTMSG), "\n");
	assert_int_equal(spool_finish(s), 0);
	assert_int_equal(size_of(place, "d/COMMANDS"), 6);
	assert_int_equal(size_of(place, "d/INPUTMSG"), 1);
	assert_int_equal(spool_remove(s), 0);
	spool_free(s);
}

static void much_is_written_at_once(void **state)
{
	struct place *place = *state;
	struct spool *s;

	assert_int_equal(spool_new(place->fd, "d", true, &s), 0);
	assert_non_null(buf_reserve(spool_buf(s, SPOOL_INPUTMSG), 100000));
	memset(spool_buf(s, SPOOL_INPUTMSG)->data, 'x', 100000);
	buf_extend(spool_buf(s, SPOOL_INPUTMSG), 100000);
	assert_int_equal(spool_added(s, SPOOL_INPUTMSG), 0);
	assert_int_equal(size_of(place, "d/INPUTMSG"), 100000);
	assert_int_equal(spool_remove(s), 0);
	spool_free(s);
}

static void taken_names_are_refused(void **state)
{
	struct place *place = *state;
	struct spool *s, *other;

	assert_int_equal(spool_new(place->fd, "d", false, &s), 0);
	assert_int_equal(spool_new(place->fd, "d", false, &other), -EEXIST);
	assert_int_equal(symlinkat("/nowhere", place->fd, "d/HEADERS"), 0);
	assert_int_equal(spool_sync(s), -EEXIST); /* no link is followed */
	assert_int_equal(spool_finish(s), -EEXIST);
	assert_int_equal(spool_remove(s), 0);
	spool_free(s);
}

static void opens_only_regular_files(void **state)
{
	struct place *place = *state;
	struct spool *s;
	size_t size;
	int fd;

	assert_int_equal(spool_new(place->fd, "d", false, &s), 0);
	assert_int_equal(spool_open_file(s, "RESULTS", &size), -ENOENT);
	assert_int_equal(mkfifoat(place->fd, "d/RESULTS", 0600), 0);
	assert_int_equal(spool_open_file(s, "RESULTS", &size), -EINVAL);
	assert_int_equal(symlinkat("/etc/passwd", place->fd, "d/NEWBODY"), 0);
	assert_int_equal(spool_open_file(s, "NEWBODY", &size), -ELOOP);
	fd = openat(place->fd, "d/x", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "12345", 5), 5);
	close(fd);
	fd = spool_open_file(s, "x", &size);
	assert_true(fd >= 0);
	assert_int_equal(size, 5);
	close(fd);
	assert_int_equal(spool_remove(s), 0);
	spool_free(s);
}

static void removes_whatever_is_there(void **state)
{
	struct place *place = *state;
	struct spool *s;

	assert_int_equal(spool_new(place->fd, "d", false, &s), 0);
	assert_int_equal(mkdirat(place->fd, "d/Work", 0700), 0);
	assert_int_equal(mkdirat(place->fd, "d/Work/deep", 0700), 0);
	close(openat(place->fd, "d/Work/deep/file", O_WRONLY | O_CREAT, 0600));
	assert_int_equal(symlinkat("/", place->fd, "d/Work/root"), 0);
	assert_int_equal(mkfifoat(place->fd, "d/fifo", 0600), 0);
	assert_int_equal(spool_remove(s), 0);
	spool_free(s);
	assert_int_equal(size_of(place, "d"), SIZE_MAX);
}

/* Deeper than descriptors go, and with names in it that removing takes for its own ends. */
static void removes_what_is_deep(void **state)
{
	struct place *place = *state;
	struct spool *s;
	int at, next;

	assert_int_equal(spool_new(place->fd, "d", false, &s), 0);
	close(openat(place->fd, "d/0", O_WRONLY | O_CREAT, 0600));
	assert_int_equal(mkdirat(place->fd, "d/1", 0700), 0);
	close(openat(place->fd, "d/1/file", O_WRONLY | O_CREAT, 0600));
	at = openat(place->fd, "d", O_RDONLY);
	for (int i = 0; i < 2000; i++, at = next) {
		assert_int_equal(mkdirat(at, "2", 0700), 0);
		close(openat(at, "file", O_WRONLY | O_CREAT, 0600));
		next = openat(at, "2", O_RDONLY);
		close(at);
	}
	close(at);
	assert_int_equal(spool_remove(s), 0);
	spool_free(s);
	assert_int_equal(size_of(place, "d"), SIZE_MAX);
}

/* Whoever has a directory open owns it; his death is the closing of his descriptors. */
static void is_adopted_when_its_owner_is_gone(void **state)
{
	struct place *place = *state;
	struct spool *s, *adopted;

	assert_int_equal(spool_new(place->fd, "d", false, &s), 0);
	assert_int_equal(spool_adopt(place->fd, "d", &adopted), -EBUSY);
	buf_adds(spool_buf(s, SPOOL_COMMANDS), "abc");
	assert_int_equal(spool_sync(s), 0);
	assert_int_equal(mkdirat(place->fd, "d/Work", 0700), 0);
	spool_free(s);
	assert_int_equal(spool_adopt(place->fd, "d", &adopted), 0);
	assert_int_equal(spool_adopt(place->fd, "d", &s), -EBUSY);
	assert_int_equal(spool_remove(adopted), 0);
	spool_free(adopted);
	assert_int_equal(spool_adopt(place->fd, "d", &adopted), -ENOENT);
}

static void is_not_adopted_when_kept(void **state)
{
	struct place *place = *state;
	struct spool *s;

	assert_int_equal(spool_new(place->fd, "d", false, &s), 0);
	assert_int_equal(spool_keep(s), 0);
	assert_int_equal(spool_keep(s), 0);
	spool_free(s);
	assert_int_equal(spool_adopt(place->fd, "d", &s), -EEXIST);
	assert_int_equal(unlinkat(place->fd, "d/.keep", 0), 0);
	assert_int_equal(spool_adopt(place->fd, "d", &s), 0);
	assert_int_equal(spool_remove(s), 0);
	spool_free(s);
}

static void adopts_nothing_but_directories(void **state)
{
	struct place *place = *state;
	struct spool *s;

	assert_int_equal(symlinkat(".", place->fd, "link"), 0);
	assert_int_equal(mkfifoat(place->fd, "fifo", 0600), 0);
	assert_int_equal(spool_adopt(place->fd, "link", &s), -ENOTDIR);
	assert_int_equal(spool_adopt(place->fd, "fifo", &s), -ENOTDIR);
	unlinkat(place->fd, "link", 0);
	unlinkat(place->fd, "fifo", 0);
}

/* The owner's own removal stays what it was when the directory is another by then. */
static void is_not_adopted_when_replaced(void **state)
{
	struct place *place = *state;
	struct spool *first, *second, *s;

	assert_int_equal(spool_new(place->fd, "d", false, &first), 0);
	assert_int_equal(spool_remove(first), 0);
	assert_int_equal(spool_new(place->fd, "d", false, &second), 0);
	spool_free(first);
	assert_int_equal(spool_adopt(place->fd, "d", &s), -EBUSY);
	assert_int_equal(spool_remove(second), 0);
	spool_free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_adopted_when_its_owner_is_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(is_not_adopted_when_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(adopts_nothing_but_directories, set_up, tear_down),
		cmocka_unit_test_setup_teardown(is_not_adopted_when_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_appear_when_synced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(much_is_written_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(taken_names_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(opens_only_regular_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removes_whatever_is_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removes_what_is_deep, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
