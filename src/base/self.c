#include "base/self.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Cut the last component off: `/a/b` becomes `/a`, `/a` becomes the empty path. */
static void path_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash != NULL)
		*slash = '\0';
}

char *self_path(const char *relative)
{
	char exe[PATH_MAX], *path;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0)
		return NULL;
	exe[n] = '\0'; /* ` (deleted)` at its end, after an upgrade, goes with the last component */
	path_up(exe);
	path_up(exe);
	if (asprintf(&path, "%s/%s", exe, relative) < 0) {
		errno = ENOMEM;
		return NULL;
	}
	return path;
}
