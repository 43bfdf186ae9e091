/* What stops leave for a start or restart: nothing, a gentle wish, an abrupt one, until it is forgotten. */
#include "pmx/asked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state)
{
	static char folder[] = "/tmp/test_pmx_asked.XXXXXX";
	static struct place place;

	if (mkdtemp(folder) == NULL || place_init(&place, folder, "A") < 0)
		return -1;
	*state = &place;
	return mkdir(place.folder, 0700);
}

static int teardown(void **state)
{
	struct place *p = *state;

	rmdir(p->folder);
	*strrchr(p->folder, '/') = '\0';
	rmdir(p->folder);
	place_free(p);
	return 0;
}

static void test_wishes(void **state)
{
	const struct place *p = *state;

	assert_int_equal(asked_read(p), ASKED_NOTHING);
	asked_write(p, false);
	assert_int_equal(asked_read(p), ASKED_GENTLY);
	asked_write(p, true);
	assert_int_equal(asked_read(p), ASKED_ABRUPTLY);
	asked_write(p, false); /* takes nothing back */
	assert_int_equal(asked_read(p), ASKED_ABRUPTLY);
	asked_forget(p);
	assert_int_equal(asked_read(p), ASKED_NOTHING);
	asked_forget(p);
	assert_int_equal(asked_read(p), ASKED_NOTHING);
}

/* A link is not followed, and says nothing. */
static void test_link(void **state)
{
	const struct place *p = *state;

	assert_int_equal(symlink("elsewhere", p->asked), 0);
	asked_write(p, true);
	assert_int_equal(asked_read(p), ASKED_NOTHING);
	asked_forget(p);
	assert_int_equal(access(p->asked, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_wishes), cmocka_unit_test(test_link) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
