#include "milter/stale.h"

#include "base/log.h"
#include "milter/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int stale_remove(const struct site *site, const char *name)
{
	struct spool *s;
	int err = spool_adopt(site->spool_fd, name, &s);

	if (err < 0)
		return err;
	err = spool_remove(s);
	spool_free(s);
	return err;
}

/* Reasons for a directory to stay that are as they should be. */
static bool may_stay(int error)
{
	switch (error) {
	case -EBUSY:
	case -EEXIST:
	case -EPERM:
	case -EACCES: /* another user's, too */
	case -ENOENT:
	case -ENOTDIR:
	case -ELOOP:
		return true;
	default:
		return false;
	}
}

/* 1 when it is gone now. */
static int sweep_one(const struct site *site, const char *name)
{
	int err;

	if (strncmp(name, SPOOL_PREFIX, strlen(SPOOL_PREFIX)) != 0)
		return 0;
	err = stale_remove(site, name);
	if (err < 0 && !may_stay(err))
		log_warn("stale work directory %s/%s not removed: %s", site->settings->spool, name,
			 strerror(-err));
	return err == 0;
}

void stale_sweep(const struct site *site)
{
	const struct dirent *entry;
	int n = 0, fd;
	DIR *dir;

	if (site->settings->keep_dirs || site_keeps_dirs(site))
		return;
	fd = openat(site->spool_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		log_warn("stale work directories not looked for in %s: %s", site->settings->spool,
			 strerror(errno));
		if (fd != -1)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		n += sweep_one(site, entry->d_name);
	closedir(dir);
	if (n > 0)
		log_info("%d stale work director%s removed from %s", n, n == 1 ? "y" : "ies",
			 site->settings->spool);
}
