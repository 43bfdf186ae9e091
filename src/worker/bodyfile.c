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

/* Times of modification are those of the last clock tick: a write right after ours might get the same one. */
static int stamp_set(int fd, struct bodyfile_stamp *stamp)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	stamp->inode = st.st_ino;
	stamp->size = st.st_size;
	stamp->modified = (struct timespec){ .tv_sec = st.st_mtim.tv_sec - 1 };
	times[1] = stamp->modified;
	return futimens(fd, times) == -1 ? -errno : 0;
}

/* The name in the folder of a path that we made. */
static const char *name_of(const struct bodyfiles *b, const char *path)
{
	return path + strlen(b->folder) + 1;
}

int bodyfile_write(struct bodyfiles *b, const struct mime *m, const struct mime_part *p,
		   char path[BODYFILE_PATH_SIZE], struct bodyfile_stamp *stamp)
{
	int fd, rc;

	rc = snprintf(path, BODYFILE_PATH_SIZE, "%s/msg-%ld-%u.%s", b->folder, (long)getpid(), ++b->last,
		      ending_of(p->effective_type));
	if (rc >= BODYFILE_PATH_SIZE)
		return -ENAMETOOLONG;
	fd = openat(b->fd, name_of(b, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd == -1)
		return -errno;
	if ((rc = mime_decode_to(m, p, fd, UINT64_MAX)) == 0)
		rc = stamp_set(fd, stamp);
	if (close(fd) == -1 && rc == 0)
		rc = -errno;
	return rc;
}

bool bodyfile_is_untouched(const struct bodyfiles *b, const char *path, const struct bodyfile_stamp *stamp)
{
	struct stat st;

	return fstatat(b->fd, name_of(b, path), &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == stamp->inode &&
	       st.st_size == stamp->size && st.st_mtim.tv_sec == stamp->modified.tv_sec &&
	       st.st_mtim.tv_nsec == stamp->modified.tv_nsec;
}
