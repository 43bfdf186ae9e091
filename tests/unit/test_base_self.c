#include "base/self.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The path is as seen from above our own folder, so our own name leads back to us. */
static void test_path_leads_back(void **state)
{
	char exe[4096] = "", relative[4096];
	char *path, *name, *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	assert_true(n > 0);
	slash = strrchr(exe, '/');
	*slash = '\0';
	name = strrchr(exe, '/') + 1;
	strcpy(relative, name);
	*slash = '/';
	strcat(relative, slash);
	path = self_path(relative);
	assert_string_equal(path, exe);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_leads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
