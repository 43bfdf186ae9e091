#include "base/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_STAT 1024 /* bytes; 52 numbers and a name of at most 64 */

int procfs_parse(const char *line, struct procfs_facts *out)
{
	/* Field 2 is the name of the program in parentheses, which may hold anything. */
	const char *rest = strrchr(line, ')');
	unsigned long long start;
	long long pages;

	/* State, 18 numbers, the 22nd field, size, the 24th field. */
	if (rest == NULL ||
	    sscanf(rest,
		   ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		   "%llu %*s %lld",
		   &start, &pages) != 2)
		return -EINVAL;
	out->start = (int64_t)start;
	out->rss_pages = pages;
	return 0;
}

int procfs_read(pid_t pid, struct procfs_facts *out)
{
	char path[32], text[MAX_STAT];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = '\0';
	return procfs_parse(text, out);
}

int64_t procfs_kb(int64_t pages)
{
	return pages * sysconf(_SC_PAGESIZE) / 1024;
}
