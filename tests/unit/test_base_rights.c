/* Looking up, and dropping nothing. Really dropping root is seen by the system tests that pass -U. */
#include "base/rights.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_find(void **state)
{
	struct rights r = { 0 };

	assert_int_equal(rights_find("root", &r), 0);
	assert_string_equal(r.name, "root");
	assert_int_equal(r.uid, 0);
	assert_int_equal(r.gid, 0);
	rights_free(&r);
	assert_null(r.name);
	rights_free(&r);
	assert_int_equal(rights_find("no-such-user-here", &r), -ENOENT);
	assert_int_equal(rights_find("", &r), -ENOENT);
	assert_int_equal(rights_find("root:no-such-group-here", &r), -ENOENT);
	assert_int_equal(rights_find("root:", &r), -ENOENT);
	assert_int_equal(rights_find(":root", &r), -ENOENT);
	assert_null(r.name);
}

static void test_group(void **state)
{
	struct rights r = { 0 };

	assert_int_equal(rights_find("root:daemon", &r), 0);
	assert_string_equal(r.name, "root");
	assert_int_equal(r.uid, 0);
	assert_int_equal(r.gid, getgrnam("daemon")->gr_gid);
	rights_free(&r);
}

static void test_dropping_nothing(void **state)
{
	struct rights r = { 0 };
	uid_t before = geteuid();

	assert_int_equal(rights_drop(&r), 0);
	assert_int_equal(geteuid(), before);
	assert_int_equal(rights_are_root(), before == 0);
}

static void test_dropping_to_ourselves(void **state)
{
	struct passwd *us = getpwuid(geteuid());
	struct rights r;

	if (us == NULL || us->pw_gid != getegid())
		return; /* not skip(): cmocka's TAP says `not ok` to that */
	assert_int_equal(rights_find(us->pw_name, &r), 0);
	assert_int_equal(rights_drop(&r), 0);
	rights_free(&r);
}

static void test_only_root_may_drop(void **state)
{
	struct rights r;

	if (rights_are_root())
		return;
	assert_int_equal(rights_find("root", &r), 0);
	assert_int_equal(rights_drop(&r), -EPERM);
	rights_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_dropping_nothing),
		cmocka_unit_test(test_dropping_to_ourselves),
		cmocka_unit_test(test_only_root_may_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
