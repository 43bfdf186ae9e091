/* wall_clock - preloaded, it sets the wall clock of a program while it runs: by the seconds in the file that
 * WALL_CLOCK names at the start, which is read each time somebody asks for the time. The monotonic clock is
 * left alone, as it is when somebody sets the clock of a machine. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static char *file;

/* Programs may empty their environment later on. */
__attribute__((constructor)) static void file_find(void)
{
	const char *name = getenv("WALL_CLOCK");

	file = name != NULL ? strdup(name) : NULL;
}

__attribute__((destructor)) static void file_forget(void)
{
	free(file);
	file = NULL;
}

static time_t shift(void)
{
	char text[32] = "";
	int fd = file != NULL ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd == -1 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd != -1)
		close(fd);
	return n > 0 ? atol(text) : 0;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, id, t);

	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += shift();
	return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	tv->tv_sec = t.tv_sec;
	tv->tv_usec = t.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *out)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (out != NULL)
		*out = t.tv_sec;
	return t.tv_sec;
}
