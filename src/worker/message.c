#include "worker/message.h"

#include "worker/bodyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART_BITS 24 /* of a key; the rest tells messages apart */

struct body {
	char *path; /* NULL: not decoded yet */
	struct bodyfile_stamp stamp;
};

struct message {
	LIST_ENTRY(message) link;
	int64_t serial;
	struct mime *mime;
	const struct mime_part **parts; /* by number */
	struct body *bodies;            /* by number */
	bool all_written;
	struct bodyfiles files;
	char *folder;
};

static LIST_HEAD(, message) messages = LIST_HEAD_INITIALIZER(messages);
static int64_t last_serial;

static int tables_make(struct message *m)
{
	unsigned n = mime_count(m->mime);

	m->parts = calloc(n, sizeof(*m->parts));
	m->bodies = calloc(n, sizeof(*m->bodies));
	if (m->parts == NULL || m->bodies == NULL)
		return -ENOMEM;
	for (const struct mime_part *p = mime_root(m->mime); p != NULL; p = mime_next(p))
		m->parts[p->number] = p;
	return 0;
}

/* The folder by descriptor too: a filter may go elsewhere. */
static int folder_open(struct message *m, const char *folder)
{
	if ((m->folder = strdup(folder)) == NULL)
		return -ENOMEM;
	m->files.folder = m->folder;
	m->files.fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return m->files.fd == -1 ? -errno : 0;
}

enum mime_error message_open(int fd, const char *folder, const struct mime_options *o, struct message **out)
{
	struct message *m = calloc(1, sizeof(*m));
	enum mime_error e = MIME_SYSTEM;
	int rc;

	if (m == NULL)
		return MIME_SYSTEM;
	m->files.fd = -1;
	m->serial = ++last_serial;
	LIST_INSERT_HEAD(&messages, m, link);
	if ((e = mime_parse(fd, o, &m->mime)) != MIME_OK) {
		rc = -errno;
	} else if ((rc = tables_make(m)) == 0 && (rc = folder_open(m, folder)) == 0) {
		*out = m;
		return MIME_OK;
	} else {
		e = MIME_SYSTEM;
	}
	message_close(m);
	errno = -rc;
	return e;
}

void message_close(struct message *m)
{
	if (m == NULL)
		return;
	LIST_REMOVE(m, link);
	if (m->bodies != NULL) {
		for (unsigned i = 0; i < mime_count(m->mime); i++)
			free(m->bodies[i].path);
	}
	free(m->bodies);
	free(m->parts);
	free(m->folder);
	if (m->files.fd != -1)
		close(m->files.fd);
	mime_free(m->mime);
	free(m);
}

const struct mime *message_mime(const struct message *m)
{
	return m->mime;
}

int64_t message_key(const struct message *m, const struct mime_part *p)
{
	return (m->serial << PART_BITS) | p->number;
}

struct message *message_find(int64_t key, const struct mime_part **part)
{
	int64_t number = key & ((INT64_C(1) << PART_BITS) - 1);
	struct message *m;

	LIST_FOREACH (m, &messages, link) {
		if (m->serial == key >> PART_BITS && number < mime_count(m->mime)) {
			*part = m->parts[number];
			break;
		}
	}
	return m;
}

const char *message_body_path(struct message *m, const struct mime_part *p)
{
	struct body *body = &m->bodies[p->number];
	char path[BODYFILE_PATH_SIZE];
	int rc;

	if (body->path != NULL)
		return body->path;
	if ((rc = bodyfile_write(&m->files, m->mime, p, path, &body->stamp)) == 0 &&
	    (body->path = strdup(path)) == NULL)
		rc = -ENOMEM;
	errno = -rc;
	return body->path;
}

bool message_body_is_original(const struct message *m, const struct mime_part *p)
{
	const struct body *body = &m->bodies[p->number];

	return body->path == NULL || bodyfile_is_untouched(&m->files, body->path, &body->stamp);
}

/* Behind the last slash. */
static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

bool message_has_path(const char *path)
{
	struct message *m;

	LIST_FOREACH (m, &messages, link) {
		for (unsigned i = 0; i < mime_count(m->mime); i++) {
			const char *ours = m->bodies[i].path;

			if (ours != NULL && strcmp(name_of(ours), name_of(path)) == 0)
				return true;
		}
	}
	return false;
}

int message_write_all(void)
{
	struct message *m;

	LIST_FOREACH (m, &messages, link) {
		if (m->all_written)
			continue;
		for (unsigned i = 0; i < mime_count(m->mime); i++) {
			if (m->parts[i]->kind == MIME_LEAF && message_body_path(m, m->parts[i]) == NULL)
				return -errno;
		}
		m->all_written = true;
	}
	return 0;
}

bool message_owns(int fd)
{
	struct message *m;

	LIST_FOREACH (m, &messages, link)
		if (m->files.fd == fd || (m->mime != NULL && mime_descriptor(m->mime) == fd))
			return true;
	return false;
}
