#include "worker/bodyfile.h"

#include "mime/mime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Endings for programs that go by them. Any other type gets `dat`. */
static const struct {
	const char *type, *ending;
} endings[] = {
	{ "text/plain", "txt" },     { "text/html", "html" },      { "image/gif", "gif" },
	{ "image/jpeg", "jpg" },     { "image/png", "png" },       { "application/pdf", "pdf" },
	{ "message/rfc822", "msg" }, { "application/zip", "zip" },
};

static const char *ending_of(const char *type)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (strcmp(type, endings[i].type) == 0)
			return endings[i].ending;
	return "dat";
}

int bodyfile_write(struct bodyfiles *b, const struct mime *m, const struct mime_part *p,
		   char path[BODYFILE_PATH_SIZE])
{
	int fd, rc;

	rc = snprintf(path, BODYFILE_PATH_SIZE, "%s/msg-%ld-%u.%s", b->folder, (long)getpid(), ++b->last,
		      ending_of(p->effective_type));
	if (rc >= BODYFILE_PATH_SIZE)
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd == -1)
		return -errno;
	rc = mime_decode_to(m, p, fd, UINT64_MAX);
	if (close(fd) == -1 && rc == 0)
		rc = -errno;
	return rc;
}
