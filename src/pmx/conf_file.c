#include "pmx/conf_file.h"

#include "base/number.h"
#include "base/rights.h"
#include "pmx/conf_check.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT_LIMIT "/proc/sys/net/ipv4/ip_unprivileged_port_start"

static char *read_all(int fd, size_t *n)
{
	char *text = malloc(CONF_MAX_FILE + 1);
	ssize_t got = 1;

	*n = 0;
	while (text != NULL && *n <= CONF_MAX_FILE && got > 0) {
		got = read(fd, text + *n, CONF_MAX_FILE + 1 - *n);
		if (got > 0)
			*n += (size_t)got;
	}
	if (text != NULL && (got < 0 || *n > CONF_MAX_FILE)) {
		errno = got < 0 ? errno : EFBIG;
		free(text);
		return NULL;
	}
	return text;
}

static char *load(const char *path, size_t *n, void *arg)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;
	struct stat st;
	char *text = NULL;

	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	else
		text = read_all(fd, n); /* with a byte of room: lines are ended in place */
	err = errno;
	close(fd);
	errno = err;
	return text;
}

/* A folder that is not there has no files; what cannot be read is an error. */
static int on_glob_error(const char *path, int err)
{
	return err != ENOENT && err != ENOTDIR;
}

static int expand(const char *pattern, char ***paths, size_t *n, void *arg)
{
	glob_t found = { .gl_pathc = 0 };
	int rc = glob(pattern, 0, on_glob_error, &found);

	*n = 0;
	if (rc == 0 && (*paths = calloc(found.gl_pathc, sizeof(char *))) == NULL)
		rc = GLOB_NOSPACE;
	for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++) {
		if (((*paths)[i] = strdup(found.gl_pathv[i])) == NULL)
			rc = GLOB_NOSPACE;
		else
			++*n;
	}
	globfree(&found);
	return rc == 0 || rc == GLOB_NOMATCH ? 0 : rc == GLOB_NOSPACE ? -ENOMEM : -EACCES;
}

static void check_rights(struct conf *c)
{
	struct rights user = { .uid = 0 };
	bool known = rights_find(conf_text(c, NULL, KEY_USER, CONF_USER), &user) == 0;

	for (size_t i = 0; i < c->n_files; i++) {
		struct conf_place at = { .file = (int)i };
		struct stat st;

		if (stat(c->files[i], &st) == -1)
			continue; /* told when it was read */
		if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
			conf_error(c, at, "writable by group or others: refused");
		if (st.st_uid != 0 && st.st_uid != geteuid() && !(known && st.st_uid == user.uid))
			conf_error(c, at, "owned by neither root nor the user of the milters: refused");
	}
	rights_free(&user);
}

static int64_t number_of_file(const char *path, int64_t otherwise)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof(text) - 1);
	int64_t number = otherwise;

	if (fd != -1)
		close(fd);
	if (n > 0) {
		text[strcspn(text, "\n")] = '\0';
		number_parse(text, 0, INT64_MAX, &number);
	}
	return number;
}

static struct conf_machine this_machine(void)
{
	struct rlimit descriptors = { .rlim_max = RLIM_INFINITY };
	int64_t pages = sysconf(_SC_PHYS_PAGES);

	getrlimit(RLIMIT_NOFILE, &descriptors);
	return (struct conf_machine){
		.lowest_port = number_of_file(PORT_LIMIT, 1024),
		.descriptors = descriptors.rlim_max > INT32_MAX ? INT32_MAX : (int64_t)descriptors.rlim_max,
		.memory_bytes = pages > 0 ? pages * sysconf(_SC_PAGESIZE) : 0,
	};
}

int conf_file_read(const char *path, struct conf *out)
{
	const struct conf_source source = { .load = load, .expand = expand };
	const struct conf_machine machine = this_machine();
	int rc = conf_read(path, &source, out);

	if (rc < 0 && rc != -EINVAL)
		return rc;
	conf_check(out, &machine);
	check_rights(out);
	return out->n_errors > 0 ? -EINVAL : 0;
}
