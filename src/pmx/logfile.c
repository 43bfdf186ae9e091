#include "pmx/logfile.h"

#include <errno.h>
#include <fcntl.h>

int logfile_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
		      0640);

	if (fd == -1)
		return -errno;
	fcntl(fd, F_SETFL, O_APPEND); /* writers may wait */
	return fd;
}
