#include "worker/strays.h"

#include "worker/leftover.h"
#include "worker/message.h"
#include "worker/perlstate.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_FILES "/proc/self/fd"

/* Where a descriptor points. False when that cannot be told. */
static bool path_of(int fd, char path[PATH_MAX])
{
	char link[sizeof(OPEN_FILES) + 16];
	ssize_t n;

	snprintf(link, sizeof(link), OPEN_FILES "/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	return true;
}

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/';
}

static bool is_owned(int fd)
{
	struct stat st;

	return perlstate_owns(fd) || message_owns(fd) || fstat(fd, &st) == -1 || S_ISDIR(st.st_mode);
}

void strays_close(int folder)
{
	char home[PATH_MAX], path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	if (!path_of(folder, home) || (dir = opendir(OPEN_FILES)) == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (fd <= STDERR_FILENO || fd == folder || fd == dirfd(dir) || !path_of(fd, path) ||
		    !is_below(path, home) || is_owned(fd))
			continue;
		close(fd);
		leftover_tell(LEFTOVER_DESCRIPTOR, path);
	}
	closedir(dir);
}
