#include "milter/site.h"

#include "base/daemon.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define KEY_FILE "mimedefang-ip-key"
#define KEEP_FILE "DO-NOT-DELETE-WORK-DIRS"
#define MAX_KEY 1024 /* bytes of the key file's first line */

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
	log_warn("Could not determine my own IP address!  Ensure that %s has an entry in /etc/hosts or the "
		 "DNS",
		 name);
}

/* The first line of the key file is the header's name. Without a file the feature is off. */
static void read_key(struct site *site)
{
	char path[4096], line[MAX_KEY];
	FILE *f;

	snprintf(path, sizeof(path), "%s/" KEY_FILE, site->settings->conf_dir);
	if ((f = fopen(path, "re")) == NULL) {
		if (errno != ENOENT)
			log_warn("%s: %s: no IP validation header", path, strerror(errno));
		return;
	}
	if (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] != '\0' && (site->validation_header = strdup(line)) != NULL)
			log_debug("IP validation header is %s", line);
	}
	fclose(f);
}

int site_open(struct site *site, const struct settings *settings)
{
	int err;

	*site = (struct site){ .settings = settings, .spool_fd = -1 };
	if (chdir(settings->spool) == -1 ||
	    (site->spool_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		err = -errno;
		daemon_fail(EX_NOINPUT, "Unable to chdir(%s): %s", settings->spool, strerror(-err));
		return err;
	}
	find_own_ip(site);
	read_key(site);
	return 0;
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
