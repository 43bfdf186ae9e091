#include "pmx/user.h"

#include "base/rights.h"
#include "pmx/conf_check.h"
#include "pmx/run.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool user_is_root(void)
{
	return rights_are_root();
}

/* One that is there is left as it is: preflight.c looks at it. */
static void folder_make(const struct conf *c, enum conf_key key, const char *path, mode_t mode,
			const struct rights *user)
{
	if (strcmp(conf_text(c, NULL, key, path), path) != 0 || mkdir(path, mode) == -1)
		return;
	if (lchown(path, user->uid, user->gid) == -1)
		run_error("pmx-milter: %s: %s\n", path, strerror(errno));
}

static enum status drop(const struct conf *c, const struct rights *user)
{
	int rc;

	folder_make(c, KEY_RUN_DIR, CONF_RUN_DIR, 0755, user);
	folder_make(c, KEY_LOG_DIR, CONF_LOG_DIR, 0750, user);
	folder_make(c, KEY_SPOOL_DIR, CONF_SPOOL_DIR, 0750, user);
	if ((rc = rights_drop(user)) == 0)
		return STATUS_OK;
	run_error("pmx-milter: cannot become user %s: %s\n", user->name, strerror(-rc));
	return STATUS_NOT_PERMITTED;
}

static const char *group_name(gid_t gid)
{
	static char number[24];
	const struct group *g = getgrgid(gid);

	snprintf(number, sizeof(number), "%ld", (long)gid);
	return g != NULL ? g->gr_name : number;
}

static enum status check_rights(const struct rights *user)
{
	if (user->uid != 0)
		return STATUS_OK;
	run_error("pmx-milter: user %s is root: milters do not run as root\n", user->name);
	return STATUS_NOT_CONFIGURED;
}

static const char *unknown(const char *name, int rc)
{
	return rc != -ENOENT               ? strerror(-rc)
	       : strchr(name, ':') != NULL ? "no such user or group"
					   : "no such user";
}

enum status user_check(const struct conf *c)
{
	const char *name = conf_text(c, NULL, KEY_USER, CONF_USER);
	struct rights user;
	enum status status = STATUS_OK;
	int rc;

	if ((rc = rights_find(name, &user)) < 0) {
		run_error("pmx-milter: warning: user %s: %s\n", name, unknown(name, rc));
	} else {
		status = check_rights(&user);
		rights_free(&user);
	}
	return status;
}

static enum status become(const struct conf *c, enum user_need need, const struct rights *user)
{
	enum status status = check_rights(user);

	if (status != STATUS_OK)
		return status;
	if (rights_are_root())
		return drop(c, user);
	if (need == USER_MAY_BE || (geteuid() == user->uid && getegid() == user->gid))
		return STATUS_OK;
	if (geteuid() == user->uid) {
		run_error("pmx-milter: not permitted: run it with group %s\n", group_name(user->gid));
		return STATUS_NOT_PERMITTED;
	}
	run_error("pmx-milter: not permitted: run it as user %s\n", user->name);
	return STATUS_NOT_PERMITTED;
}

enum status user_become(const struct conf *c, enum user_need need)
{
	const char *name = conf_text(c, NULL, KEY_USER, CONF_USER);
	struct rights user;
	enum status status;
	int rc;

	if (need == USER_IS_ANY)
		return STATUS_OK;
	if ((rc = rights_find(name, &user)) < 0) {
		if (need == USER_MAY_BE && !rights_are_root())
			return STATUS_OK;
		run_error("pmx-milter: user %s: %s\n", name, unknown(name, rc));
		return need == USER_MAY_BE ? STATUS_NOT_PERMITTED : STATUS_NOT_CONFIGURED;
	}
	status = become(c, need, &user);
	rights_free(&user);
	return status;
}
