/* site.h - what is the same for all sessions and does not change while we run: the settings and what was
 * found out at the start. Shared by all loops, read only. */
#ifndef DEFANG_MILTER_SITE_H
#define DEFANG_MILTER_SITE_H

#include "milter/door.h"
#include "milter/settings.h"

#include <netinet/in.h>
#include <stdbool.h>

struct site {
	const struct settings *settings;
	struct door_limits limits;     /* of sessions */
	int spool_fd;                  /* the spool directory */
	char own_ip[INET6_ADDRSTRLEN]; /* the IPv4 address of our host name; "" when unknown */
	char *validation_header;       /* the header that bears a client address to trust, or NULL */
};

/* Open the spool, look up our address, read the key file, raise the limit of descriptors. 0, or a sysexits
 * status, told through daemon_fail(), when the spool cannot be used or the key file names no header. Without
 * an address, or with a key file that cannot be read, the administrator is warned and what needs them is off.
 */
int site_open(struct site *site, const struct settings *settings);
void site_close(struct site *site);

/* Whether the administrator wants work directories kept: the file DO-NOT-DELETE-WORK-DIRS in the spool. */
bool site_keeps_dirs(const struct site *site);

#endif
