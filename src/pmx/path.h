/* path.h - paths as they are compared in a configuration: by their components, so that doubled slashes, a
 * slash at the end and `.' make no difference. Links and `..' are not followed. */
#ifndef DEFANG_PMX_PATH_H
#define DEFANG_PMX_PATH_H

#include <stdbool.h>

/* Whether `path' is `folder', or lies below it. Both are absolute. */
bool path_is_within(const char *path, const char *folder);
bool path_is_same(const char *a, const char *b);

/* An absolute path for one that is seen from the current folder; to free(). NULL without memory, or when the
 * current folder cannot be told. */
char *path_absolute(const char *path);

#endif
