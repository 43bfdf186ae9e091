#include "pmx/preflight.h"

#include "base/self.h"
#include "pmx/launch.h"
#include "pmx/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096 /* bytes; more than a state has */

static enum status fail(struct buf *why, enum status status, const char *what, const char *path,
			const char *text)
{
	buf_addf(why, "%s %s: %s", what, path, text);
	return status;
}

static enum status check_programs(const struct plan *p, struct buf *why)
{
	static const char *const programs[] = { "bin/mimedefang-multiplexor", "bin/mimedefang",
						"bin/mimedefang.pl" };
	enum status status = STATUS_OK;

	for (size_t i = 0; i < 3 && status == STATUS_OK; i++) {
		char *path = self_path(programs[i]);

		if (path == NULL)
			return fail(why, STATUS_FAILED, "program", programs[i], strerror(errno));
		if (access(path, X_OK) == -1 && (i < 2 || p->filter == NULL))
			status = fail(why, STATUS_NOT_INSTALLED, "program", path, strerror(errno));
		free(path);
	}
	if (status == STATUS_OK && p->filter != NULL && access(p->filter, X_OK) == -1)
		status = fail(why, STATUS_NOT_INSTALLED, "filter", p->filter, strerror(errno));
	return status;
}

/* What is run must not be everybody's to write. */
static enum status check_code(const char *what, const char *path, struct buf *why)
{
	struct stat st;

	if (path == NULL)
		return STATUS_OK;
	if (stat(path, &st) == -1 || access(path, R_OK) == -1)
		return fail(why, STATUS_FAILED, what, path, strerror(errno));
	if (S_ISREG(st.st_mode) && (st.st_mode & S_IWOTH) != 0)
		return fail(why, STATUS_FAILED, what, path, "everybody may write it");
	return STATUS_OK;
}

/* A folder that belongs to us or root, and that nobody else may write in (sticky ones excepted). */
static enum status check_folder(const char *what, const char *path, mode_t forbidden, struct buf *why)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return fail(why, STATUS_FAILED, what, path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fail(why, STATUS_FAILED, what, path, "not a folder");
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return fail(why, STATUS_FAILED, what, path,
			    "belongs to neither root nor the user of the milters");
	if ((st.st_mode & forbidden) != 0 && (st.st_mode & S_ISVTX) == 0)
		return fail(why, STATUS_FAILED, what, path, "others may write it");
	return STATUS_OK;
}

static enum status make_folder(const char *what, const char *path, mode_t mode, struct buf *why)
{
	if (mkdir(path, mode) == -1 && errno != EEXIST)
		return fail(why, STATUS_FAILED, what, path, strerror(errno));
	return STATUS_OK;
}

/* What lies there is believed: nobody else may have put it there, where run_dir is open to all. */
static enum status check_own(const char *folder, struct buf *why)
{
	struct stat st;

	if (lstat(folder, &st) == -1)
		return fail(why, STATUS_FAILED, "run_dir", folder, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fail(why, STATUS_FAILED, "run_dir", folder, "not a folder");
	if (st.st_uid != geteuid())
		return fail(why, STATUS_FAILED, "run_dir", folder,
			    "does not belong to the user of the milters");
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return fail(why, STATUS_FAILED, "run_dir", folder, "others may write it");
	return STATUS_OK;
}

/* For the state: a restart must find out before it stops anything. A file without a name leaves nothing. */
static enum status check_room(const char *folder, struct buf *why)
{
	static const char page[PAGE];
	int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600), err = 0;

	if (fd == -1) /* not every file system has such files */
		err = errno == ENOSPC || errno == EDQUOT || errno == EROFS ? errno : 0;
	else if (write(fd, page, sizeof(page)) == -1)
		err = errno;
	if (fd != -1)
		close(fd);
	return err == 0 ? STATUS_OK : fail(why, STATUS_FAILED, "run_dir", folder, strerror(err));
}

static enum status check_run_dir(const struct plan *p, struct buf *why)
{
	const char *folder = p->place.folder;
	char *parent = strndup(folder, (size_t)(strrchr(folder, '/') - folder));
	enum status status = parent == NULL ? STATUS_FAILED
					    : check_folder("run_dir", parent, S_IWGRP | S_IWOTH, why);

	free(parent);
	if (status == STATUS_OK)
		status = make_folder("run_dir", folder, 0755, why);
	if (status == STATUS_OK)
		status = check_own(folder, why);
	return status == STATUS_OK ? check_room(folder, why) : status;
}

static enum status check_spool(const struct plan *p, struct buf *why)
{
	struct stat st;
	enum status status = p->spool_made ? make_folder("spool_dir", p->spool, 0700, why) : STATUS_OK;

	if (status == STATUS_OK)
		status = check_folder("spool_dir", p->spool, S_IWOTH, why);
	if (status != STATUS_OK)
		return status;
	if (stat(p->spool, &st) == 0 && (st.st_mode & S_IRWXO) != 0)
		return fail(why, STATUS_FAILED, "spool_dir", p->spool, "open to others");
	if (access(p->spool, R_OK | W_OK | X_OK) == -1)
		return fail(why, STATUS_FAILED, "spool_dir", p->spool, strerror(errno));
	return STATUS_OK;
}

static enum status check_port(const struct plan *p, struct buf *why)
{
	const char *path = p->port.address.un.sun_path;
	char *folder;
	enum status status;

	if (p->port.number > 0)
		return STATUS_OK;
	folder = strndup(path, (size_t)(strrchr(path, '/') - path));
	status = folder == NULL ? STATUS_FAILED
				: check_folder("port: folder", *folder != '\0' ? folder : "/", S_IWOTH, why);
	free(folder);
	return status;
}

static enum status check_filter(const struct plan *p, int64_t seconds, struct buf *why)
{
	struct buf said;
	enum status status = STATUS_OK;
	int rc;

	if (p->filter != NULL) /* a program of its own, with a start of its own */
		return STATUS_OK;
	buf_init(&said, BUF_NO_LIMIT);
	rc = launch_filter_load(p, seconds, &said);
	if (rc == -EINTR) {
		buf_adds(why, said.data);
		status = run_interrupted_status();
	} else if (rc < 0)
		status = fail(why, STATUS_FAILED,
			      "the filter does not load:", p->rules != NULL ? p->rules : "(default)",
			      said.len > 0 ? said.data : strerror(-rc));
	buf_free(&said);
	return status;
}

enum status preflight(const struct plan *p, int64_t seconds, struct buf *why)
{
	enum status status = check_programs(p, why);

	if (status == STATUS_OK)
		status = check_code("rules", p->rules, why);
	if (status == STATUS_OK)
		status = check_code("filter", p->filter, why);
	if (status == STATUS_OK)
		status = check_run_dir(p, why);
	if (status == STATUS_OK)
		status = check_spool(p, why);
	if (status == STATUS_OK)
		status = check_port(p, why);
	if (status == STATUS_OK && launch_files_check(p, why) < 0)
		status = STATUS_FAILED;
	return status == STATUS_OK ? check_filter(p, seconds, why) : status;
}
