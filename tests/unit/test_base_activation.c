/* What the service manager passes: the variables as a table, and which socket is for whom. */
#include "base/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define NAME_OF_32 "0123456789abcdef0123456789abcdef"
#define NAME_OF_256 NAME_OF_32 NAME_OF_32 NAME_OF_32 NAME_OF_32 NAME_OF_32 NAME_OF_32 NAME_OF_32 NAME_OF_32

static const struct {
	const char *pid, *fds, *names;
	enum activation_error error;
	int n;
	const char *last; /* name */
} cases[] = {
	{ NULL, NULL, NULL, ACTIVATION_OK, 0, NULL },
	{ NULL, "1", NULL, ACTIVATION_OK, 0, NULL },
	{ "77", NULL, NULL, ACTIVATION_OK, 0, NULL },
	{ "78", "1", NULL, ACTIVATION_OK, 0, NULL }, /* for another process */
	{ "x", "1", NULL, ACTIVATION_OK, 0, NULL },
	{ "78", "x", NULL, ACTIVATION_OK, 0, NULL },
	{ "77", "1", NULL, ACTIVATION_OK, 1, "" },
	{ "77", "2", NULL, ACTIVATION_OK, 2, "" },
	{ "77", "1", "milter", ACTIVATION_OK, 1, "milter" },
	{ "77", "1", "", ACTIVATION_OK, 1, "" },
	{ "77", "2", "a:b", ACTIVATION_OK, 2, "b" },
	{ "77", "2", ":", ACTIVATION_OK, 2, "" },
	{ "77", "16", ":::::::::::::::z", ACTIVATION_OK, 16, "z" },
	{ "77", "17", NULL, ACTIVATION_BAD_COUNT, 0, NULL },
	{ "77", "0", NULL, ACTIVATION_BAD_COUNT, 0, NULL },
	{ "77", "", NULL, ACTIVATION_BAD_COUNT, 0, NULL },
	{ "77", "-1", NULL, ACTIVATION_BAD_COUNT, 0, NULL },
	{ "77", "99999999999999999999", NULL, ACTIVATION_BAD_COUNT, 0, NULL },
	{ "77", "2", "a", ACTIVATION_BAD_NAMES, 0, NULL },
	{ "77", "2", "a:b:c", ACTIVATION_BAD_NAMES, 0, NULL },
	{ "77", "1", "a:", ACTIVATION_BAD_NAMES, 0, NULL },
	{ "77", "1", NAME_OF_256, ACTIVATION_BAD_NAMES, 0, NULL },
};

static void variables(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct activation a;

		assert_int_equal(activation_parse(cases[i].pid, cases[i].fds, cases[i].names, 77, &a),
				 cases[i].error);
		assert_int_equal(a.n, cases[i].n);
		if (a.n > 0) {
			assert_string_equal(a.sockets[a.n - 1].name, cases[i].last);
			assert_int_equal(a.sockets[a.n - 1].fd, 3 + a.n - 1);
		}
	}
}

static void claims(void **state)
{
	struct activation a;

	activation_parse("77", "3", "a:b:b", 77, &a);
	assert_int_equal(activation_claim_only(&a), -1);
	assert_int_equal(activation_claim(&a, "c"), -1);
	assert_int_equal(activation_claim(&a, "b"), 4);
	assert_int_equal(activation_claim(&a, "a"), 3);
	assert_string_equal(activation_unclaimed(&a), "b");
	assert_int_equal(activation_claim(&a, "b"), 5);
	assert_int_equal(activation_claim(&a, "b"), -1);
	assert_null(activation_unclaimed(&a));

	activation_parse("77", "1", "some.socket", 77, &a);
	assert_int_equal(activation_claim_only(&a), 3);
	assert_int_equal(activation_claim_only(&a), -1);
	assert_null(activation_unclaimed(&a));
}

/* Have descriptor 3 be `fd`, for as long as what it was is away. */
static int take_as_3(int fd, struct activation *a)
{
	char pid[16];
	int before = fcntl(3, F_DUPFD_CLOEXEC, 10), rc;

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "x", 1);
	assert_int_equal(dup2(fd, 3), 3);
	rc = activation_take(a);
	if (rc == 0) {
		assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
		assert_true(fcntl(3, F_GETFL) & O_NONBLOCK);
	}
	if (before >= 0) {
		dup2(before, 3);
		close(before);
	} else {
		close(3);
	}
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
	return rc;
}

static void takes_listening_sockets_only(void **state)
{
	struct sockaddr address = { .sa_family = AF_UNIX }; /* autobind: an abstract name */
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), datagrams = socket(AF_UNIX, SOCK_DGRAM, 0);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct activation a;

	assert_int_equal(take_as_3(null, &a), -ENOTSOCK);
	assert_int_equal(take_as_3(datagrams, &a), -EOPNOTSUPP);
	assert_int_equal(take_as_3(fd, &a), -EOPNOTSUPP);
	assert_int_equal(bind(fd, &address, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(take_as_3(fd, &a), 0);
	assert_int_equal(a.n, 1);
	close(fd);
	close(datagrams);
	close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables),
		cmocka_unit_test(claims),
		cmocka_unit_test(takes_listening_sockets_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
