/* rights.h - giving up root. One file knows how; callers say what they need. */
#ifndef DEFANG_BASE_RIGHTS_H
#define DEFANG_BASE_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

struct rights {
	char *name; /* of the user; owned; NULL when nothing is to be changed */
	uid_t uid;
	gid_t gid;
};

/* Look `USER' or `USER:GROUP' up; without a group it is the user's own. 0, -ENOENT when one of them is
 * unknown, or -errno. */
int rights_find(const char *user, struct rights *out);
void rights_free(struct rights *r);

/* Become that user for good: groups, gid, uid; checks that there is no way back. When we are that user
 * already, nothing. 0 or -errno. */
int rights_drop(const struct rights *r);

bool rights_are_root(void);

#endif
