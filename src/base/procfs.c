#include "base/procfs.h"

#include "base/number.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_STAT 1024 /* bytes; 52 numbers and a name of at most 64 */

int procfs_parse(const char *line, struct procfs_facts *out)
{
	/* Field 2 is the name of the program in parentheses, which may hold anything. */
	const char *rest = strrchr(line, ')');
	unsigned long long start, size;
	long long threads, pages;
	char state;
	int parent;

	/* State, parent, 15 numbers, threads, 1 number, start, size, pages. */
	if (rest == NULL ||
	    sscanf(rest,
		   ") %c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lld %*s "
		   "%llu %llu %lld",
		   &state, &parent, &threads, &start, &size, &pages) != 6)
		return -EINVAL;
	*out = (struct procfs_facts){
		.start = (int64_t)start,
		.rss_pages = pages,
		.size = (int64_t)size,
		.threads = threads,
		.parent = parent,
		.state = state,
	};
	return 0;
}

int procfs_read(pid_t pid, struct procfs_facts *out)
{
	char path[32], text[MAX_STAT];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return errno == ENOENT ? -ESRCH : -errno;
	if ((n = read(fd, text, sizeof(text) - 1)) == -1)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return procfs_parse(text, out);
}

static bool is_child(pid_t pid, pid_t parent)
{
	struct procfs_facts f;

	return procfs_read(pid, &f) == 0 && f.parent == parent && f.state != 'Z';
}

int procfs_children(pid_t parent, pid_t **out, size_t *n)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int64_t pid;
	int rc = proc != NULL ? 0 : -errno;

	*out = NULL;
	*n = 0;
	while (rc == 0 && (entry = readdir(proc)) != NULL) {
		pid_t *grown;

		if (number_parse(entry->d_name, 1, INT32_MAX, &pid) < 0 || !is_child((pid_t)pid, parent))
			continue;
		if ((grown = realloc(*out, (*n + 1) * sizeof(pid_t))) == NULL)
			rc = -ENOMEM;
		else
			(*out = grown)[(*n)++] = (pid_t)pid;
	}
	if (proc != NULL)
		closedir(proc);
	return rc;
}

int64_t procfs_kb(int64_t pages)
{
	return pages * sysconf(_SC_PAGESIZE) / 1024;
}
