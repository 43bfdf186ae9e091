#include "pmx/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The next component that counts, of *n bytes; 0 at the end. */
static const char *component(const char *p, size_t *n)
{
	do {
		p += strspn(p, "/");
		*n = strcspn(p, "/");
		if (*n != 1 || *p != '.')
			return p;
		p++;
	} while (true);
}

bool path_is_within(const char *path, const char *folder)
{
	size_t a, b;

	while (true) {
		path = component(path, &a);
		folder = component(folder, &b);
		if (b == 0)
			return true;
		if (a != b || memcmp(path, folder, a) != 0)
			return false;
		path += a;
		folder += b;
	}
}

bool path_is_same(const char *a, const char *b)
{
	return path_is_within(a, b) && path_is_within(b, a);
}

char *path_absolute(const char *path)
{
	char *here, *whole = NULL;

	if (path[0] == '/')
		return strdup(path);
	if ((here = getcwd(NULL, 0)) == NULL)
		return NULL;
	if (asprintf(&whole, "%s/%s", here, path) < 0)
		whole = NULL;
	free(here);
	return whole;
}
