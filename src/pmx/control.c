#include "pmx/control.h"

#include "base/clock.h"
#include "pmx/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS 50

static const struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

void control_holder_read(const struct place *p, struct control_holder *holder)
{
	int fd = open(p->lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[64] = "";
	ssize_t n = fd == -1 ? 0 : read(fd, text, sizeof(text) - 1);
	long long pid = 0;

	if (fd != -1)
		close(fd);
	*holder = (struct control_holder){ .pid = 0 };
	if (n > 0 && sscanf(text, "%lld %15[a-z]", &pid, holder->verb) == 2)
		holder->pid = pid;
}

/* The file can have been removed by its holder while we opened it. */
static bool is_still_at(const char *path, int fd)
{
	struct stat there, ours;

	return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && there.st_dev == ours.st_dev &&
	       there.st_ino == ours.st_ino;
}

/* Of one name only: what is written into it must not go into a file that matters. */
static bool is_plain(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink <= 1;
}

static int lock_try(const char *path)
{
	struct flock lock = whole;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644), err = 0;

	if (fd == -1)
		return errno == ELOOP || errno == EISDIR ? -EINVAL : -errno;
	if (!is_plain(fd))
		err = -EINVAL;
	else if (fcntl(fd, F_OFD_SETLK, &lock) == -1)
		err = errno == EACCES ? -EAGAIN : -errno;
	else if (!is_still_at(path, fd))
		err = -EAGAIN;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

void control_tell(int fd, const char *verb)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%d %s\n", (int)getpid(), verb);

	/* For people; a full disk must not keep a milter from being stopped. */
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n)
		return;
	errno = 0;
}

const char *control_error(int rc)
{
	return rc == -EINVAL ? "not a plain file" : strerror(-rc);
}

int control_take(const struct place *p, const char *verb, int64_t wait_ms, int *fd,
		 struct control_holder *holder)
{
	int64_t deadline = clock_mono_ms() + wait_ms;

	while ((*fd = lock_try(p->lock)) == -EAGAIN) {
		if (run_interrupted())
			return -EINTR;
		if (clock_mono_ms() >= deadline) {
			control_holder_read(p, holder);
			return -EAGAIN;
		}
		run_pause(POLL_MS);
	}
	if (*fd < 0)
		return *fd;
	control_tell(*fd, verb);
	return 0;
}

void control_release(const struct place *p, int fd)
{
	if (fd < 0)
		return;
	unlink(p->lock); /* while we have it: it is the file at this path */
	close(fd);
}

bool control_is_held(const struct place *p)
{
	struct flock lock = whole;
	int fd = open(p->lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool held = fd != -1 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

	if (fd != -1)
		close(fd);
	return held;
}
