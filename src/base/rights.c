#include "base/rights.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ENTRY (1 << 20) /* bytes; a directory service may have long ones */

/* getpwnam_r() with as much memory as the entry needs; *memory is what `pw` points into, to free(). 0 and
 * *found, or -errno. */
static int user_read(const char *user, struct passwd *pw, struct passwd **found, char **memory)
{
	int rc;

	*found = NULL;
	*memory = NULL;
	for (size_t size = 1024; size <= MAX_ENTRY; size *= 2) {
		free(*memory);
		if ((*memory = malloc(size)) == NULL)
			return -ENOMEM;
		if ((rc = getpwnam_r(user, pw, *memory, size, found)) != ERANGE)
			return -rc;
	}
	return -ERANGE;
}

/* 0 and *gid, or -errno. */
static int group_find(const char *name, gid_t *gid)
{
	struct group gr, *found = NULL;
	char *memory = NULL;
	int rc = ERANGE;

	for (size_t size = 1024; size <= MAX_ENTRY && rc == ERANGE; size *= 2) {
		free(memory);
		if ((memory = malloc(size)) == NULL)
			return -ENOMEM;
		rc = getgrnam_r(name, &gr, memory, size, &found);
	}
	if (found != NULL)
		*gid = gr.gr_gid;
	free(memory);
	return rc == 0 && found == NULL ? -ENOENT : -rc;
}

/* Takes the name. */
static int find(char *name, const char *group, struct rights *out)
{
	struct passwd pw, *found;
	char *memory;
	int rc = user_read(name, &pw, &found, &memory);

	if (rc == 0 && found == NULL)
		rc = -ENOENT;
	if (rc == 0 && group != NULL)
		rc = group_find(group, &pw.pw_gid);
	if (rc == 0)
		*out = (struct rights){ .name = name, .uid = pw.pw_uid, .gid = pw.pw_gid };
	else
		free(name);
	free(memory);
	return rc;
}

int rights_find(const char *user, struct rights *out)
{
	size_t n = strcspn(user, ":");
	char *name = strndup(user, n);

	return name != NULL ? find(name, user[n] == ':' ? user + n + 1 : NULL, out) : -ENOMEM;
}

void rights_free(struct rights *r)
{
	free(r->name);
	*r = (struct rights){ 0 };
}

/* Real, effective and saved ids are all those of `r`. */
static bool is_now(const struct rights *r)
{
	uid_t u[3];
	gid_t g[3];

	return getresuid(&u[0], &u[1], &u[2]) == 0 && getresgid(&g[0], &g[1], &g[2]) == 0 && u[0] == r->uid &&
	       u[1] == r->uid && u[2] == r->uid && g[0] == r->gid && g[1] == r->gid && g[2] == r->gid;
}

int rights_drop(const struct rights *r)
{
	if (r->name == NULL || (is_now(r) && !rights_are_root()))
		return 0;
	if (initgroups(r->name, r->gid) < 0 || setresgid(r->gid, r->gid, r->gid) < 0 ||
	    setresuid(r->uid, r->uid, r->uid) < 0)
		return -errno;
	if (!is_now(r) || (r->uid != 0 && setuid(0) == 0)) /* a way back would make all of this a show */
		return -EPERM;
	return 0;
}

bool rights_are_root(void)
{
	return geteuid() == 0;
}
