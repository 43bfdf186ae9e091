#include "pmx/asked.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GENTLY 'g'
#define ABRUPTLY 'a'
#define START 's'

/* A descriptor, or -1: also for what is no plain file, or is one of a second name. */
static int asked_open(const char *path, int flags, struct stat *st)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);

	if (fd == -1 || (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_nlink == 1))
		return fd;
	close(fd);
	return -1;
}

/* The length of the file then; without a file nothing is behind it. */
static int64_t append(const struct place *p, char letter)
{
	struct stat st;
	int fd = asked_open(p->asked, O_WRONLY | O_CREAT | O_APPEND, &st);
	int64_t end;

	if (fd == -1)
		return INT64_MAX;
	if (write(fd, &letter, 1) == 1) {
		end = lseek(fd, 0, SEEK_CUR);
	} else {
		log_debug("%s: %s", p->asked, strerror(errno));
		end = lseek(fd, 0, SEEK_END);
	}
	close(fd);
	return end;
}

int64_t asked_stop(const struct place *p, bool abruptly)
{
	return append(p, abruptly ? ABRUPTLY : GENTLY);
}

void asked_start(const struct place *p)
{
	append(p, START);
}

int64_t asked_note(const struct place *p)
{
	struct stat st;
	int fd;

	(void)mkdir(p->folder, 0755); /* preflight.c tells what is wrong with it */
	if ((fd = asked_open(p->asked, O_RDONLY, &st)) == -1)
		return 0;
	close(fd);
	return st.st_size;
}

/* Whether the letter stands behind the mark. */
static bool has(const struct place *p, int64_t mark, char letter)
{
	char bytes[64];
	struct stat st;
	ssize_t n;
	int fd = asked_open(p->asked, O_RDONLY, &st);
	bool found = false;

	if (fd == -1)
		return false;
	for (; !found && (n = pread(fd, bytes, sizeof(bytes), mark)) > 0; mark += n)
		found = memchr(bytes, letter, (size_t)n) != NULL;
	close(fd);
	return found;
}

enum asked asked_since(const struct place *p, int64_t mark)
{
	if (has(p, mark, ABRUPTLY))
		return ASKED_ABRUPTLY;
	return has(p, mark, GENTLY) ? ASKED_GENTLY : ASKED_NOTHING;
}

bool asked_is_overruled(const struct place *p, int64_t mark)
{
	return has(p, mark, START);
}
