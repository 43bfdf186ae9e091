#include "pmx/asked.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GENTLY "g"
#define ABRUPTLY "a"

/* A descriptor, or -1: also for what is no plain file, or is one of a second name. */
static int asked_open(const char *path, int flags, struct stat *st)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);

	if (fd == -1 || (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_nlink == 1))
		return fd;
	close(fd);
	return -1;
}

void asked_write(const struct place *p, bool abruptly)
{
	struct stat st;
	int fd = asked_open(p->asked, O_WRONLY | O_CREAT | O_APPEND, &st);

	if (fd == -1)
		return;
	if (write(fd, abruptly ? ABRUPTLY : GENTLY, 1) == -1)
		log_debug("%s: %s", p->asked, strerror(errno));
	close(fd);
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

enum asked asked_since(const struct place *p, int64_t mark)
{
	enum asked asked = ASKED_NOTHING;
	char bytes[64];
	struct stat st;
	ssize_t n;
	int fd = asked_open(p->asked, O_RDONLY, &st);

	if (fd == -1)
		return ASKED_NOTHING;
	for (; asked != ASKED_ABRUPTLY && (n = pread(fd, bytes, sizeof(bytes), mark)) > 0; mark += n)
		asked = memchr(bytes, *ABRUPTLY, (size_t)n) != NULL ? ASKED_ABRUPTLY : ASKED_GENTLY;
	close(fd);
	return asked;
}
