#include "base/daemon.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The pipe to the waiting parent; -1 in the foreground and once it has been told. */
static int ready_fd = -1;

/* Lines for the parent to print: warnings of a start that succeeds. NULL without. */
static char *warnings;

int daemon_begin(void)
{
	return spawn_background(&ready_fd);
}

/* A status byte and a text, then the end: all that the parent waits for. */
static void parent_tell(int status, const char *text)
{
	char note[2048] = { (char)status };
	size_t n = strlen(text);

	if (n > sizeof(note) - 1)
		n = sizeof(note) - 1;
	memcpy(note + 1, text, n);
	if (write(ready_fd, note, n + 1) < 0) /* below PIPE_BUF: all or nothing */
		log_debug("nobody waits for the start");
	close(ready_fd);
	ready_fd = -1;
}

void daemon_ready(void)
{
	if (ready_fd != -1)
		parent_tell(0, warnings != NULL ? warnings : "");
	free(warnings);
	warnings = NULL;
}

void daemon_warn(const char *format, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text, BUF_NO_LIMIT);
	if (warnings != NULL)
		buf_adds(&text, warnings);
	va_start(ap, format);
	buf_addv(&text, format, ap);
	va_end(ap);
	log_warn("%s", text.data + (warnings != NULL ? strlen(warnings) : 0));
	buf_addc(&text, '\n');
	if (ready_fd != -1 && buf_error(&text) == 0) {
		free(warnings);
		warnings = buf_take(&text);
	}
	buf_free(&text);
}

void daemon_fail(int status, const char *format, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text, BUF_NO_LIMIT);
	va_start(ap, format);
	buf_addv(&text, format, ap);
	va_end(ap);
	log_syslog_err("%s", text.data);
	if (ready_fd != -1)
		parent_tell(status, text.data);
	else
		dprintf(STDERR_FILENO, "%s: %s\n", log_tag(), text.data);
	buf_free(&text);
}

/* A regular file of one name: not a link of either kind to something worth more, nor a FIFO. */
static int check_is_plain(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return st.st_nlink > 1 ? -EMLINK : 0;
}

static int plain_open(const char *path, mode_t mode)
{
	mode_t old = umask(0777 & ~mode);
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
	int rc = fd == -1 ? -errno : check_is_plain(fd);

	umask(old);
	if (rc < 0 && fd != -1)
		close(fd);
	return rc < 0 ? rc : fd;
}

int pidfile_open(const char *path)
{
	return plain_open(path, 0644);
}

int pidfile_write(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	ssize_t written;

	if (ftruncate(fd, 0) == -1 || (written = pwrite(fd, text, (size_t)n, 0)) == -1)
		return -errno;
	return written == n ? 0 : -EIO;
}

void pidfile_remove(const char *path, int fd)
{
	struct stat by_path, by_fd;

	if (ftruncate(fd, 0) == -1)
		log_debug("%s: %s", path, strerror(errno));
	if (lstat(path, &by_path) == 0 && fstat(fd, &by_fd) == 0 && by_path.st_dev == by_fd.st_dev &&
	    by_path.st_ino == by_fd.st_ino)
		unlink(path); /* may fail where rights were dropped; an empty file tells enough */
}

static bool is_still_at(const char *path, int fd)
{
	struct stat there, ours;

	return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && there.st_dev == ours.st_dev &&
	       there.st_ino == ours.st_ino;
}

int lockfile_take(const char *path, bool group)
{
	const struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	const mode_t mode = group ? 0640 : 0600;
	int fd = plain_open(path, mode), err = 0;

	if (fd < 0)
		return fd;
	if (fcntl(fd, F_SETLK, &whole) == -1)
		err = errno == EACCES ? -EAGAIN : -errno; /* POSIX allows both for a lock that is held */
	else if (!is_still_at(path, fd))
		err = -EAGAIN; /* its holder removed it while we opened it */
	else
		(void)fchmod(fd, mode); /* a crash may have left one of another mode; if it is somebody
					   else's it stays as it is */
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

void lockfile_remove(const char *path, int fd)
{
	if (is_still_at(path, fd))
		unlink(path);
	close(fd);
}
