#include "pmx/place.h"

#include "base/buf.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define COLON "%3A" /* names have colons, but no percent signs */

static const struct {
	size_t offset;
	const char *file;
} files[] = {
	{ offsetof(struct place, folder), "" },
	{ offsetof(struct place, lock), "/lock" },
	{ offsetof(struct place, state), "/state" },
	{ offsetof(struct place, asked), "/asked" },
	{ offsetof(struct place, front_pid), "/front.pid" },
	{ offsetof(struct place, front_lock), "/front.lock" },
	{ offsetof(struct place, front_socket), "/front.sock" },
	{ offsetof(struct place, mux_pid), "/mux.pid" },
	{ offsetof(struct place, mux_lock), "/mux.lock" },
	{ offsetof(struct place, mux_socket), "/mux.sock" },
};

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define AT(p, i) ((char **)(void *)((char *)(p) + files[i].offset))

static char *path_of(const char *run_dir, const char *name, const char *file)
{
	struct buf b;

	buf_init(&b, BUF_NO_LIMIT);
	buf_addf(&b, "%s/", run_dir);
	for (; *name != '\0'; name++) {
		if (*name == ':')
			buf_adds(&b, COLON);
		else
			buf_addc(&b, *name);
	}
	buf_adds(&b, file);
	return buf_take(&b);
}

int place_init(struct place *p, const char *run_dir, const char *name)
{
	int rc = 0;

	for (size_t i = 0; i < LENGTH(files); i++)
		if ((*AT(p, i) = path_of(run_dir, name, files[i].file)) == NULL)
			rc = -ENOMEM;
	return rc;
}

void place_free(struct place *p)
{
	for (size_t i = 0; i < LENGTH(files); i++)
		free(*AT(p, i));
	*p = (struct place){ .folder = NULL };
}

void place_name_decode(char *folder)
{
	while ((folder = strstr(folder, COLON)) != NULL) {
		*folder++ = ':';
		memmove(folder, folder + 2, strlen(folder + 2) + 1);
	}
}
