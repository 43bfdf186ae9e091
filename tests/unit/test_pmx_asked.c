/* What stops want of a start or restart since a mark: nothing, a gentle wish, an abrupt one; and starts after
 * a stop. */
#include "pmx/asked.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state)
{
	static char folder[] = P_tmpdir "/test_pmx_asked.XXXXXX";
	static struct place place;

	if (mkdtemp(folder) == NULL || place_init(&place, folder, "A") < 0)
		return -1;
	*state = &place;
	return mkdir(place.folder, 0700);
}

static int teardown(void **state)
{
	struct place *p = *state;

	unlink(p->asked);
	rmdir(p->folder);
	*strrchr(p->folder, '/') = '\0';
	rmdir(p->folder);
	place_free(p);
	return 0;
}

static void test_wishes(void **state)
{
	const struct place *p = *state;
	int64_t begin = asked_note(p), later;

	assert_int_equal(asked_since(p, begin), ASKED_NOTHING);
	asked_stop(p, false);
	assert_int_equal(asked_since(p, begin), ASKED_GENTLY);
	later = asked_note(p);
	assert_int_equal(asked_since(p, later), ASKED_NOTHING);
	asked_stop(p, true);
	assert_int_equal(asked_since(p, later), ASKED_ABRUPTLY);
	asked_stop(p, false); /* takes nothing back */
	assert_int_equal(asked_since(p, later), ASKED_ABRUPTLY);
	assert_int_equal(asked_since(p, asked_note(p) - 1), ASKED_GENTLY);
	assert_int_equal(asked_since(p, asked_note(p)), ASKED_NOTHING);
}

/* Starts are no wish of a stop; a stop is overruled by a start that comes after it. */
static void test_starts(void **state)
{
	const struct place *p = *state;
	int64_t begin = asked_note(p), mark;

	asked_start(p);
	assert_int_equal(asked_since(p, begin), ASKED_NOTHING);
	assert_true(asked_is_overruled(p, begin));
	mark = asked_stop(p, true);
	assert_int_equal(mark, asked_note(p));
	assert_int_equal(asked_since(p, begin), ASKED_ABRUPTLY);
	assert_false(asked_is_overruled(p, mark));
	asked_stop(p, false);
	assert_false(asked_is_overruled(p, mark));
	asked_start(p);
	assert_true(asked_is_overruled(p, mark));
}

/* More than is read at a time. */
static void test_many(void **state)
{
	const struct place *p = *state;
	int64_t begin = asked_note(p);

	for (int i = 0; i < 200; i++)
		asked_stop(p, false);
	assert_int_equal(asked_since(p, begin), ASKED_GENTLY);
	asked_stop(p, true);
	assert_int_equal(asked_since(p, begin), ASKED_ABRUPTLY);
}

static void assert_says_nothing(const struct place *p)
{
	assert_int_equal(asked_stop(p, true), INT64_MAX);
	asked_start(p);
	assert_int_equal(asked_note(p), 0);
	assert_int_equal(asked_since(p, 0), ASKED_NOTHING);
}

/* What is not the file is not touched, and says nothing. */
static void test_others(void **state)
{
	const struct place *p = *state;
	struct stat st;

	assert_int_equal(unlink(p->asked), 0);
	assert_int_equal(symlink("lock", p->asked), 0);
	assert_says_nothing(p);
	assert_int_equal(access(p->lock, F_OK), -1);
	assert_int_equal(unlink(p->asked), 0);
	assert_int_equal(mkdir(p->asked, 0700), 0);
	assert_says_nothing(p);
	assert_int_equal(rmdir(p->asked), 0);
	assert_int_equal(mkfifo(p->asked, 0600), 0);
	assert_says_nothing(p);
	assert_int_equal(unlink(p->asked), 0);
	assert_int_equal(close(open(p->lock, O_WRONLY | O_CREAT, 0600)), 0);
	assert_int_equal(link(p->lock, p->asked), 0);
	assert_says_nothing(p);
	assert_int_equal(stat(p->lock, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(unlink(p->lock), 0);
}

/* Before the milter's first start. */
static void test_no_folder(void **state)
{
	const struct place *p = *state;

	assert_int_equal(unlink(p->asked), 0);
	assert_int_equal(rmdir(p->folder), 0);
	assert_says_nothing(p); /* .. and makes the folder */
	asked_stop(p, true);
	assert_int_equal(asked_since(p, 0), ASKED_ABRUPTLY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wishes), cmocka_unit_test(test_starts),    cmocka_unit_test(test_many),
		cmocka_unit_test(test_others), cmocka_unit_test(test_no_folder),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
