#include "milter/site.h"

#include "base/daemon.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "milter/header.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define KEY_FILE "mimedefang-ip-key"
#define KEEP_FILE "DO-NOT-DELETE-WORK-DIRS"
#define MAX_KEY 512 /* bytes of the name in it */

/* Blocking: only for the start. */
static void find_own_ip(struct site *site)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found = NULL;
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	if (getaddrinfo(name, NULL, &hints, &found) == 0) {
		const struct sockaddr_in *in = (const void *)found->ai_addr;

		inet_ntop(AF_INET, &in->sin_addr, site->own_ip, sizeof(site->own_ip));
		freeaddrinfo(found);
		return;
	}
	daemon_warn("Could not determine my own IP address!  Ensure that %s has an entry in /etc/hosts or "
		    "the DNS",
		    name);
}

/* Read up to n - 1 bytes of the first line, with its end. 0, or -errno: -ENODATA when it is empty. */
static int read_first_line(const char *path, char *line, int n)
{
	FILE *f = fopen(path, "re");
	int err = 0;

	if (f == NULL)
		return -errno;
	if (fgets(line, n, f) == NULL)
		err = ferror(f) ? -errno : -ENODATA;
	else if (line[0] == '\r' || line[0] == '\n')
		err = -ENODATA;
	fclose(f);
	return err;
}

/* The first line of the key file is the header's name. 0 or a sysexits status. */
static int read_key(struct site *site)
{
	char path[PATH_MAX], line[MAX_KEY + 2] = "";
	int err;

	snprintf(path, sizeof(path), "%s/" KEY_FILE, site->settings->conf_dir);
	if ((err = read_first_line(path, line, sizeof(line))) == -ENOENT)
		return 0; /* the feature is not wanted */
	if (err < 0) {
		daemon_warn("%s: %s: no IP validation header", path, strerror(-err));
		return 0;
	}
	line[strcspn(line, "\r\n")] = '\0';
	if (strlen(line) > MAX_KEY || !header_is_name(line)) {
		daemon_fail(EX_CONFIG, "%s: the first line is not a header's name of at most %d bytes", path,
			    MAX_KEY);
		return EX_CONFIG;
	}
	if ((site->validation_header = strdup(line)) == NULL) {
		daemon_fail(EX_OSERR, "%s: %s", path, strerror(ENOMEM));
		return EX_OSERR;
	}
	log_debug("IP validation header is %s", line);
	return 0;
}

static void set_limits(struct site *site)
{
	int64_t wanted = site->settings->max_sessions, descriptors = descriptors_raise();

	site->limits = door_limits(wanted, descriptors);
	if (site->limits.sessions < wanted)
		log_warn("--max-sessions %lld: with a limit of %lld descriptors there can be %lld",
			 (long long)wanted, (long long)descriptors, (long long)site->limits.sessions);
}

int site_open(struct site *site, const struct settings *settings)
{
	*site = (struct site){ .settings = settings, .spool_fd = -1 };
	if (chdir(settings->spool) == -1 ||
	    (site->spool_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		daemon_fail(EX_NOINPUT, "Unable to chdir(%s): %s", settings->spool, strerror(errno));
		return EX_NOINPUT;
	}
	set_limits(site);
	find_own_ip(site);
	return read_key(site);
}

void site_close(struct site *site)
{
	if (site->spool_fd >= 0)
		close(site->spool_fd);
	free(site->validation_header);
	*site = (struct site){ .spool_fd = -1 };
}

bool site_keeps_dirs(const struct site *site)
{
	return faccessat(site->spool_fd, KEEP_FILE, F_OK, 0) == 0;
}
