#include "pmx/asked.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ABRUPTLY "abruptly\n"

void asked_write(const struct place *p, bool abruptly)
{
	int fd = open(p->asked, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);

	if (fd == -1)
		return;
	if (abruptly && write(fd, ABRUPTLY, strlen(ABRUPTLY)) == -1)
		log_debug("%s: %s", p->asked, strerror(errno));
	close(fd);
}

enum asked asked_read(const struct place *p)
{
	int fd = open(p->asked, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char first;
	ssize_t n;

	if (fd == -1)
		return ASKED_NOTHING;
	n = read(fd, &first, 1);
	close(fd);
	return n > 0 ? ASKED_ABRUPTLY : ASKED_GENTLY;
}

void asked_forget(const struct place *p)
{
	unlink(p->asked);
}
