#include "milter/spool.h"

#include "proto/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_ABOVE 65536 /* bytes that may wait for each file */
#define KEEP_FILE ".keep" /* in a directory that is not to be removed by who does not own it */
#define TRIES 3           /* to make a directory that another process takes for stale before it is locked */

struct file {
	int fd; /* -1 until something is written, and after the end */
	struct buf waiting;
	uint64_t written; /* bytes */
};

struct spool {
	int parent_fd, fd;
	mode_t mode; /* of files */
	int error;   /* the first failure to write, as -errno */
	struct file files[SPOOL_FILES];
	char name[]; /* below parent_fd */
};

static const char *const names[] = {
	[SPOOL_COMMANDS] = WORKDIR_COMMANDS,
	[SPOOL_HEADERS] = WORKDIR_HEADERS,
	[SPOOL_INPUTMSG] = WORKDIR_INPUTMSG,
};

static struct spool *spool_alloc(int parent_fd, const char *name, bool group)
{
	size_t size = strlen(name) + 1;
	struct spool *s = calloc(1, sizeof(*s) + size);

	if (s == NULL)
		return NULL;
	memcpy(s->name, name, size);
	s->parent_fd = parent_fd;
	s->fd = -1;
	s->mode = group ? 0640 : 0600;
	for (int i = 0; i < SPOOL_FILES; i++) {
		s->files[i].fd = -1;
		buf_init(&s->files[i].waiting, BUF_NO_LIMIT);
	}
	return s;
}

static int open_directory(struct spool *s)
{
	s->fd = openat(s->parent_fd, s->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return s->fd == -1 ? -errno : 0;
}

/* 0, -EBUSY when somebody else has locked it, or -errno. */
static int lock_directory(struct spool *s)
{
	if (flock(s->fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

/* -EBUSY and -ENOENT when a process that looks for stale directories came between. Where there are no locks
 * nobody does, since nobody can. */
static int make_and_lock(struct spool *s, mode_t mode)
{
	int err;

	if (mkdirat(s->parent_fd, s->name, mode) == -1)
		return -errno;
	if ((err = open_directory(s)) < 0) {
		unlinkat(s->parent_fd, s->name, AT_REMOVEDIR);
		return err;
	}
	if (lock_directory(s) != -EBUSY)
		return 0;
	close(s->fd);
	s->fd = -1;
	return -EBUSY;
}

int spool_new(int parent_fd, const char *name, bool group, struct spool **out)
{
	struct spool *s = spool_alloc(parent_fd, name, group);
	int err = -ENOMEM;

	for (int i = 0; i < TRIES && s != NULL; i++) {
		err = make_and_lock(s, group ? 0750 : 0700);
		if (err != -EBUSY && err != -ENOENT)
			break;
	}
	if (err < 0)
		spool_free(s);
	else
		*out = s;
	return err;
}

/* Whether it is ours to remove. That the name still means the directory that we have locked is part of it:
 * its owner may have removed it meanwhile, and made another. */
static int check_adoptable(const struct spool *s)
{
	struct stat locked, named;

	if (fstat(s->fd, &locked) == -1 || fstatat(s->parent_fd, s->name, &named, AT_SYMLINK_NOFOLLOW) == -1)
		return -errno;
	if (locked.st_dev != named.st_dev || locked.st_ino != named.st_ino)
		return -ENOENT;
	if (locked.st_uid != geteuid())
		return -EPERM;
	return faccessat(s->fd, KEEP_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? -EEXIST : 0;
}

int spool_adopt(int parent_fd, const char *name, struct spool **out)
{
	struct spool *s = spool_alloc(parent_fd, name, false);
	int err = s != NULL ? open_directory(s) : -ENOMEM;

	if (err == 0)
		err = lock_directory(s);
	if (err == 0)
		err = check_adoptable(s);
	if (err < 0)
		spool_free(s);
	else
		*out = s;
	return err;
}

int spool_keep(const struct spool *s)
{
	int fd = openat(s->fd, KEEP_FILE, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, s->mode);

	if (fd == -1)
		return -errno;
	close(fd);
	return 0;
}

static void file_close(struct file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	buf_free(&f->waiting);
}

void spool_free(struct spool *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < SPOOL_FILES; i++)
		file_close(&s->files[i]);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

struct buf *spool_buf(struct spool *s, enum spool_file file)
{
	return &s->files[file].waiting;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done == -1 && errno != EINTR)
			return -errno;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

static int file_write(struct spool *s, enum spool_file which)
{
	struct file *f = &s->files[which];
	int err = buf_error(&f->waiting);

	if (err == 0 && f->fd == -1) {
		f->fd = openat(s->fd, names[which], O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			       s->mode);
		if (f->fd == -1)
			err = -errno;
	}
	if (err == 0)
		err = write_all(f->fd, f->waiting.data, f->waiting.len);
	f->written += f->waiting.len;
	buf_clear(&f->waiting);
	if (s->error == 0)
		s->error = err;
	return s->error;
}

int spool_added(struct spool *s, enum spool_file file)
{
	const struct buf *waiting = &s->files[file].waiting;

	if (s->error == 0 && (waiting->len >= WRITE_ABOVE || buf_error(waiting) != 0))
		file_write(s, file);
	return s->error;
}

int spool_sync(struct spool *s)
{
	for (int i = 0; i < SPOOL_FILES && s->error == 0; i++) {
		const struct file *f = &s->files[i];
		bool absent = f->fd == -1 && i != SPOOL_INPUTMSG;

		if (absent || f->waiting.len > 0 || buf_error(&f->waiting) != 0)
			file_write(s, (enum spool_file)i);
	}
	return s->error;
}

uint64_t spool_size(const struct spool *s, enum spool_file file)
{
	return s->files[file].written + s->files[file].waiting.len;
}

int spool_finish(struct spool *s)
{
	spool_sync(s);
	for (int i = 0; i < SPOOL_FILES; i++)
		file_close(&s->files[i]);
	return s->error;
}

int spool_open_file(const struct spool *s, const char *name, size_t *size)
{
	/* O_NONBLOCK: a fifo must not hold us up */
	int fd = openat(s->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int err;

	if (fd == -1)
		return -errno;
	if (fstat(fd, &st) == -1)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else {
		*size = (size_t)st.st_size;
		return fd;
	}
	close(fd);
	return err;
}

/* Removing what a filter left behind, and an archive of a stranger's may be among it: however deep, and also
 * where it must not be written to. A folder within a folder is moved up into the work directory, and its turn
 * comes there, so that depth costs neither stack nor descriptors. */

struct removal {
	int top;       /* the work directory */
	unsigned next; /* name for a folder that is moved up */
	bool again;    /* one was */
};

typedef int remove_fn(struct removal *r, int fd, const char *name);

/* 0, -ENOTEMPTY for a folder that has something in it, or -errno. */
static int remove_plain(int fd, const char *name)
{
	if (unlinkat(fd, name, 0) == 0)
		return 0;
	if (errno == EISDIR && unlinkat(fd, name, AT_REMOVEDIR) == 0)
		return 0;
	return errno == EEXIST ? -ENOTEMPTY : -errno;
}

static void make_writable(int fd, const char *name)
{
	if (fchmodat(fd, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) == -1)
		return; /* if it mattered, what is done with it now fails */
}

static int remove_or_move(struct removal *r, int fd, const char *name)
{
	int rc = remove_plain(fd, name);
	char to[12];

	if (rc != -ENOTEMPTY)
		return rc;
	make_writable(fd, name);
	do {
		snprintf(to, sizeof(to), "%u", r->next++);
		rc = renameat(fd, name, r->top, to) == -1 ? -errno : 0;
	} while (rc == -ENOTEMPTY || rc == -EEXIST || rc == -ENOTDIR); /* the name is taken */
	r->again = true;
	return rc;
}

/* Takes `fd`. Goes on after a failure, and returns the first one. */
static int remove_each(struct removal *r, int fd, remove_fn *remove)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;
	int err = 0, rc;

	if (dir == NULL) {
		err = -errno;
		close(fd);
		return err;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if ((rc = remove(r, dirfd(dir), entry->d_name)) < 0 && err == 0)
			err = rc;
	}
	closedir(dir);
	return err;
}

static int remove_or_empty(struct removal *r, int fd, const char *name)
{
	int rc = remove_plain(fd, name), folder;

	if (rc != -ENOTEMPTY)
		return rc;
	make_writable(fd, name);
	if ((folder = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return -errno;
	rc = remove_each(r, folder, remove_or_move);
	return rc == 0 ? remove_plain(fd, name) : rc;
}

static int empty_directory(const struct spool *s)
{
	struct removal r = { .top = s->fd };
	int err = 0, fd;

	if (fchmod(s->fd, S_IRWXU) == -1)
		return -errno;
	do {
		r.again = false;
		if ((fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
			return -errno;
		err = remove_each(&r, fd, remove_or_empty);
	} while (err == 0 && r.again);
	return err;
}

int spool_remove(struct spool *s)
{
	int err;

	/* The usual content by name, which spares reading the directory. */
	for (int i = 0; i < SPOOL_FILES; i++)
		unlinkat(s->fd, names[i], 0);
	unlinkat(s->fd, WORKDIR_RESULTS, 0);
	if (unlinkat(s->parent_fd, s->name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	if ((err = empty_directory(s)) == 0 && unlinkat(s->parent_fd, s->name, AT_REMOVEDIR) == -1)
		err = -errno;
	return err;
}
