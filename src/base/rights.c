#include "base/rights.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PASSWD_ENTRY (1 << 20) /* bytes; a directory service may have long ones */

/* getpwnam_r() with as much memory as the entry needs; *memory is what `pw` points into, to free(). 0 and
 * *found, or -errno. */
static int user_read(const char *user, struct passwd *pw, struct passwd **found, char **memory)
{
	int rc;

	*found = NULL;
	*memory = NULL;
	for (size_t size = 1024; size <= MAX_PASSWD_ENTRY; size *= 2) {
		free(*memory);
		if ((*memory = malloc(size)) == NULL)
			return -ENOMEM;
		if ((rc = getpwnam_r(user, pw, *memory, size, found)) != ERANGE)
			return -rc;
	}
	return -ERANGE;
}

int rights_find(const char *user, struct rights *out)
{
	struct passwd pw, *found;
	struct rights r = { 0 };
	char *memory;
	int rc = user_read(user, &pw, &found, &memory);

	if (rc == 0 && found == NULL)
		rc = -ENOENT;
	if (rc == 0) {
		r = (struct rights){ .name = strdup(user), .uid = pw.pw_uid, .gid = pw.pw_gid };
		rc = r.name != NULL ? 0 : -ENOMEM;
	}
	if (rc == 0)
		*out = r;
	free(memory);
	return rc;
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
