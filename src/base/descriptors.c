#include "base/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of the process, as the limit is. */
static bool raised;
static struct rlimit former;

static int standard_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR); /* takes the lowest number that is free */
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int descriptors_prepare(void)
{
	int err = standard_open();

	if (err == 0)
		(void)descriptors_raise();
	return err;
}

int64_t descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 0;
	if (!raised)
		former = limit;
	raised = true;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* if it fails, what we have must do */
	return descriptors_limit();
}

int64_t descriptors_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 0;
	return limit.rlim_cur < INT64_MAX ? (int64_t)limit.rlim_cur : INT64_MAX;
}

void descriptors_limit_restore(void)
{
	if (raised)
		setrlimit(RLIMIT_NOFILE, &former);
}
