#include "pmx/state.h"

#include "base/number.h"
#include "proto/percent.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT(member)                                          \
	{                                                     \
#member, offsetof(struct state, member), true \
	}
#define NUMBER(member)                                         \
	{                                                      \
#member, offsetof(struct state, member), false \
	}

static const struct field {
	const char *key;
	size_t offset;
	bool text;
} fields[] = {
	TEXT(name),
	TEXT(user),
	TEXT(port),
	TEXT(spool),
	TEXT(socket),
	TEXT(phase),
	TEXT(signal),
	TEXT(boot),
	TEXT(digest),
	NUMBER(front_pid),
	NUMBER(front_start),
	NUMBER(mux_pid),
	NUMBER(mux_start),
	NUMBER(socket_dev),
	NUMBER(socket_ino),
	NUMBER(listen_ino),
	NUMBER(generation),
	NUMBER(since_ms),
	NUMBER(started_ms),
	NUMBER(max_workers),
	NUMBER(stop_timeout_s),
	NUMBER(abort_timeout_s),
	NUMBER(kill_timeout_s),
	NUMBER(escalate),
};

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static char **text_at(const struct state *s, const struct field *f)
{
	return (char **)(void *)((char *)(uintptr_t)s + f->offset);
}

static int64_t *number_at(const struct state *s, const struct field *f)
{
	return (int64_t *)(void *)((char *)(uintptr_t)s + f->offset);
}

int state_set(char **where, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return -ENOMEM;
	free(*where);
	*where = copy;
	return 0;
}

static bool has_control(const char *text)
{
	while (*text != '\0' && !iscntrl((unsigned char)*text))
		text++;
	return *text != '\0';
}

static int field_read(struct state *s, const char *key, char *value)
{
	for (size_t i = 0; i < LENGTH(fields); i++) {
		if (strcmp(fields[i].key, key) != 0)
			continue;
		if (!fields[i].text)
			return number_parse(value, 0, INT64_MAX, number_at(s, &fields[i])) < 0 ? -EINVAL : 0;
		percent_decode(value);
		if (has_control(value)) /* it is shown: nothing of pmx.conf has one */
			return -EINVAL;
		return state_set(text_at(s, &fields[i]), value);
	}
	return 0;
}

static int parse_lines(char *text, struct state *s)
{
	char *save = NULL;
	int rc = 0, format = 0;

	for (char *line = strtok_r(text, "\n", &save); line != NULL && rc == 0;
	     line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, '=');

		if (value == NULL)
			return -EINVAL;
		*value++ = '\0';
		if (strcmp(line, "format") == 0)
			format = strcmp(value, "1") == 0;
		else
			rc = field_read(s, line, value);
	}
	return rc == 0 && !format ? -EINVAL : rc;
}

int state_parse(char *text, struct state *out)
{
	struct state s = { .name = NULL };
	int rc = parse_lines(text, &s);

	for (size_t i = 0; i < LENGTH(fields) && rc == 0; i++)
		if (fields[i].text && *text_at(&s, &fields[i]) == NULL)
			rc = state_set(text_at(&s, &fields[i]), "");
	if (rc == 0)
		*out = s;
	else
		state_free(&s);
	return rc;
}

void state_format(const struct state *s, struct buf *out)
{
	buf_addf(out, "format=%d\n", STATE_FORMAT);
	for (size_t i = 0; i < LENGTH(fields); i++) {
		const struct field *f = &fields[i];

		buf_addf(out, "%s=", f->key);
		if (!f->text)
			buf_addf(out, "%lld", (long long)*number_at(s, f));
		else if (*text_at(s, f) != NULL)
			percent_encode_str(out, *text_at(s, f));
		buf_addc(out, '\n');
	}
}

void state_free(struct state *s)
{
	for (size_t i = 0; i < LENGTH(fields); i++)
		if (fields[i].text)
			free(*text_at(s, &fields[i]));
	*s = (struct state){ .name = NULL };
}

int state_read(const char *path, struct state *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc = -EINVAL;
	char text[STATE_MAX];
	struct stat st;
	ssize_t n;

	if (fd == -1)
		return errno == ELOOP ? -EINVAL : -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (n = read(fd, text, sizeof(text) - 1)) >= 0) {
		text[n] = '\0';
		rc = strlen(text) == (size_t)n ? state_parse(text, out) : -EINVAL;
	}
	close(fd);
	return rc;
}

static int write_all(int fd, const struct buf *b)
{
	ssize_t n = write(fd, b->data, b->len);

	if (n < 0 || fsync(fd) == -1)
		return -errno;
	return (size_t)n == b->len ? 0 : -EIO;
}

int state_write(const char *path, const struct state *s)
{
	struct buf text, name;
	int fd, rc;

	buf_init(&text, BUF_NO_LIMIT);
	buf_init(&name, BUF_NO_LIMIT);
	state_format(s, &text);
	buf_addf(&name, "%s.%d", path, (int)getpid());
	if ((rc = buf_error(&text)) == 0 && (rc = buf_error(&name)) == 0) {
		unlink(name.data);
		fd = open(name.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
		rc = fd == -1 ? -errno : write_all(fd, &text);
		if (fd != -1) {
			fchmod(fd, 0644);
			close(fd);
			if (rc == 0 && rename(name.data, path) == -1)
				rc = -errno;
			if (rc < 0)
				unlink(name.data);
		}
	}
	buf_free(&text);
	buf_free(&name);
	return rc;
}
