#include "milter/message.h"

#include "base/clock.h"
#include "milter/body.h"
#include "milter/check.h"
#include "milter/spool.h"
#include "milter/stale.h"
#include "milter/wanted.h"
#include "proto/workdir.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_QUEUE_ID 128 /* bytes */
#define TRIES 16         /* directories that another process may have made of the same second, or left */

struct message {
	const struct site *site;
	const char *session; /* its id; the session's */
	struct spool *spool;
	char *dir;      /* whole path */
	char *queue_id; /* NULL while unknown */
	char *sender;
	char *first_recipient;
	size_t n_recipients; /* accepted */
	struct buf rcpt;     /* the lines of the recipient under judgement */
	bool rcpt_refused;   /* by the MTA itself, which tells of it all the same */
	struct body body;
	struct message_traits traits;
	bool headers_ended;
	bool failed;
};

const char *message_queue_id(const struct macros *macros)
{
	const char *id = macros_get(macros, "i");
	size_t n = 0;

	if (id == NULL)
		return NULL;
	while (id[n] != '\0' && isgraph((unsigned char)id[n]) && id[n] != '/')
		n++;
	return id[n] == '\0' && n > 0 && n <= MAX_QUEUE_ID ? id : NULL;
}

const char *message_id(const struct message *m)
{
	return m->queue_id != NULL ? m->queue_id : NO_QUEUE_ID;
}

struct who message_who(const struct message *m)
{
	return (struct who){ .queue_id = message_id(m), .session = m->session };
}

const char *message_dir(const struct message *m)
{
	return m->dir;
}

const char *message_sender(const struct message *m)
{
	return m->sender;
}

const char *message_first_recipient(const struct message *m)
{
	return m->first_recipient;
}

size_t message_recipients(const struct message *m)
{
	return m->n_recipients;
}

uint64_t message_size(const struct message *m)
{
	return spool_size(m->spool, SPOOL_INPUTMSG);
}

const struct message_traits *message_traits(const struct message *m)
{
	return &m->traits;
}

void message_set_failed(struct message *m)
{
	m->failed = true;
}

static struct buf *commands(struct message *m)
{
	return spool_buf(m->spool, SPOOL_COMMANDS);
}

/* The work directory */

/* A directory of the name is there. Whether to try again: with another name if there is no queue id, else
 * when it was a dead front end's, and is gone now. */
static bool make_way(const struct message *m, const char *name)
{
	if (m->queue_id == NULL)
		return true;
	if (stale_remove(m->site, name) < 0)
		return false;
	who_info(message_who(m), "stale work directory %s/%s removed", m->site->settings->spool, name);
	return true;
}

/* With -d it is to stay even if we die. */
static void keep_directory(const struct message *m)
{
	int err = spool_keep(m->spool);

	if (err < 0)
		who_warn(message_who(m), "%s not marked as one to keep: %s", m->dir, strerror(-err));
}

/* Named after the queue id if it is known, else after `id`. */
static int make_directory(struct message *m, struct id_source *ids, char id[ID_SIZE])
{
	char name[sizeof(SPOOL_PREFIX) + MAX_QUEUE_ID + ID_SIZE];
	int tries = TRIES, err;

	do {
		id_make(ids, clock_wall_ms() / 1000, id);
		snprintf(name, sizeof(name), SPOOL_PREFIX "%s", m->queue_id != NULL ? m->queue_id : id);
		err = spool_new(m->site->spool_fd, name, m->site->settings->group, &m->spool);
	} while (err == -EEXIST && --tries > 0 && make_way(m, name));
	if (err == 0 && asprintf(&m->dir, "%s/%s", m->site->settings->spool, name) == -1) {
		m->dir = NULL;
		err = -ENOMEM;
	}
	if (err < 0)
		who_warn(message_who(m), "Could not create directory %s/%s: %s", m->site->settings->spool,
			 name, strerror(-err));
	else if (m->site->settings->keep_dirs)
		keep_directory(m);
	return err;
}

static bool is_kept(const struct message *m)
{
	if (m->failed && m->site->settings->keep_failed) {
		who_warn(message_who(m), "Filter failed.  Message kept in %s", m->dir);
		return true;
	}
	if (m->site->settings->keep_dirs) {
		who_info(message_who(m), "Not cleaning up %s because of command-line `-d' flag", m->dir);
		return true;
	}
	if (site_keeps_dirs(m->site)) {
		who_info(message_who(m), "Not cleaning up %s because of %s/DO-NOT-DELETE-WORK-DIRS", m->dir,
			 m->site->settings->spool);
		return true;
	}
	return false;
}

void message_free(struct message *m)
{
	int err;

	if (m == NULL)
		return;
	if (m->dir != NULL && is_kept(m)) {
		keep_directory(m);
		spool_finish(m->spool); /* what is there is there to be read */
	} else if (m->spool != NULL && (err = spool_remove(m->spool)) < 0)
		who_err(message_who(m), "Could not remove %s: %s", m->dir != NULL ? m->dir : "directory",
			strerror(-err));
	spool_free(m->spool);
	buf_free(&m->rcpt);
	free(m->dir);
	free(m->queue_id);
	free(m->sender);
	free(m->first_recipient);
	free(m);
}

/* The envelope */

static void put_macro(struct buf *out, const struct macros *macros, const char *name)
{
	const char *value = macros_get(macros, name);

	if (value != NULL)
		item_write_macro(out, name, value);
}

static void put_macros(struct message *m, const struct peer *peer, const struct macros *macros)
{
	const struct settings *settings = m->site->settings;
	struct buf *out = commands(m);
	char port[12];

	for (int i = 0; wanted_macros[i] != NULL; i++)
		put_macro(out, macros, wanted_macros[i]);
	snprintf(port, sizeof(port), "%d", peer->port);
	item_write_macro(out, "client_port", port);
	for (int i = 0; i < settings->n_macros; i++)
		put_macro(out, macros, settings->macros[i]);
}

static void put_envelope(struct message *m, const char *id, const struct peer *peer,
			 const struct macros *macros, const struct milter_msg *mail)
{
	struct milter_strings args = mail->envelope.args;
	struct buf *out = commands(m);
	const char *arg;

	item_write1(out, COMMAND_ID, id);
	item_write1(out, COMMAND_SENDER, m->sender);
	while ((arg = milter_next(&args)) != NULL)
		item_write1(out, COMMAND_SENDER_ARG, arg);
	put_macros(m, peer, macros);
	if (m->queue_id != NULL)
		item_write1(out, COMMAND_QUEUE_ID, m->queue_id);
	item_write1(out, COMMAND_CLIENT_NAME, peer->name != NULL ? peer->name : "");
	item_write1(out, COMMAND_CLIENT_IP, peer->ip);
	if (peer->helo != NULL)
		item_write1(out, COMMAND_HELO, peer->helo);
}

int message_new(const struct site *site, struct id_source *ids, const char *session, const struct peer *peer,
		const struct macros *macros, const struct milter_msg *mail, struct message **out)
{
	struct message *m = calloc(1, sizeof(*m));
	const char *queue_id = message_queue_id(macros);
	char id[ID_SIZE];
	int err;

	if (m == NULL)
		goto no_memory;
	m->site = site;
	m->session = session;
	m->body.strip_cr = site->settings->strip_cr;
	buf_init(&m->rcpt, BUF_NO_LIMIT);
	if (queue_id != NULL && (m->queue_id = strdup(queue_id)) == NULL)
		goto no_memory;
	if ((m->sender = strdup(mail->envelope.address)) == NULL)
		goto no_memory;
	if ((err = make_directory(m, ids, id)) < 0)
		goto fail;
	put_envelope(m, id, peer, macros, mail);
	*out = m;
	return 0;
no_memory:
	who_err((struct who){ queue_id != NULL ? queue_id : NO_QUEUE_ID, session },
		"out of memory: message not begun");
	err = -ENOMEM;
fail:
	message_free(m);
	return err;
}

void message_learn_id(struct message *m, const struct macros *macros)
{
	const char *id = message_queue_id(macros);
	char *copy;

	if (id == NULL || (m->queue_id != NULL && strcmp(id, m->queue_id) == 0) ||
	    (copy = strdup(id)) == NULL)
		return;
	if (m->queue_id == NULL)
		item_write1(commands(m), COMMAND_QUEUE_ID, id);
	free(m->queue_id);
	m->queue_id = copy;
}

int message_rcpt(struct message *m, const struct macros *macros, const struct milter_msg *rcpt)
{
	const char *const words[] = { rcpt->envelope.address, check_rcpt_macro(macros, "rcpt_mailer"),
				      check_rcpt_macro(macros, "rcpt_host"),
				      check_rcpt_macro(macros, "rcpt_addr") };
	struct milter_strings args = rcpt->envelope.args;
	const char *arg;

	if (m->first_recipient == NULL && (m->first_recipient = strdup(rcpt->envelope.address)) == NULL)
		return -ENOMEM;
	m->rcpt_refused = strcmp(words[1], "error") == 0;
	buf_clear(&m->rcpt);
	item_write(&m->rcpt, COMMAND_RECIPIENT, words, 4);
	while ((arg = milter_next(&args)) != NULL)
		item_write1(&m->rcpt, COMMAND_RECIPIENT_ARG, arg);
	return buf_error(&m->rcpt);
}

int message_rcpt_keep(struct message *m)
{
	m->n_recipients += !m->rcpt_refused;
	buf_add(commands(m), m->rcpt.data, m->rcpt.len);
	buf_clear(&m->rcpt);
	return spool_added(m->spool, SPOOL_COMMANDS);
}

/* Headers */

/* COMMANDS has the headers that a filter wants at hand. */
static void note_value(struct message *m, char letter, const char *value)
{
	struct buf line;

	buf_init(&line, BUF_NO_LIMIT);
	header_add_unfolded(&line, value);
	item_write1(commands(m), letter, line.data);
	buf_free(&line);
}

static void note_validation(struct message *m, const char *value)
{
	size_t n = header_leading_ipv4(value);
	char ip[16];

	if (n == 0)
		return;
	memcpy(ip, value, n);
	ip[n] = '\0';
	item_write1(commands(m), COMMAND_RELAY, ip);
	m->traits.validated = true;
}

static void note_header(struct message *m, const char *name, const char *value)
{
	const char *validation = m->site->validation_header;

	if (header_is_suspicious(name, value))
		item_write(commands(m), COMMAND_SUSPICIOUS_HEADER, NULL, 0);
	if (strcasecmp(name, "Subject") == 0)
		note_value(m, COMMAND_SUBJECT, value);
	else if (strcasecmp(name, "Message-ID") == 0)
		note_value(m, COMMAND_MESSAGE_ID, value);
	else if (strcasecmp(name, "MIME-Version") == 0)
		m->traits.mime_version = true;
	else if (strcasecmp(name, "Content-Type") == 0)
		m->traits.content_types++;
	if (validation != NULL && strcmp(name, validation) == 0)
		note_validation(m, value);
}

/* The message as it is, down to the space behind a colon: filters check signatures of it. */
static void put_folded(struct buf *out, const struct header_field *field)
{
	header_add_name(out, field->name);
	buf_addc(out, ':');
	buf_adds(out, field->gap);
	header_add_folded(out, field->value);
	buf_addc(out, '\n');
}

/* For people and patterns: one space behind the colon, always. */
static void put_unfolded(struct buf *out, const struct header_field *field)
{
	header_add_unfolded(out, field->name);
	buf_add(out, ": ", 2);
	header_add_unfolded(out, field->value);
	buf_addc(out, '\n');
}

int message_header(struct message *m, const struct header_field *field)
{
	int err;

	note_header(m, field->name, field->value);
	if (strcasecmp(field->name, "Content-Type") == 0 && m->traits.content_types > 1)
		return spool_added(m->spool, SPOOL_COMMANDS);
	put_folded(spool_buf(m->spool, SPOOL_INPUTMSG), field);
	put_unfolded(spool_buf(m->spool, SPOOL_HEADERS), field);
	if ((err = spool_added(m->spool, SPOOL_COMMANDS)) == 0 &&
	    (err = spool_added(m->spool, SPOOL_HEADERS)) == 0)
		err = spool_added(m->spool, SPOOL_INPUTMSG);
	return err;
}

int message_end_headers(struct message *m)
{
	if (!m->headers_ended)
		buf_addc(spool_buf(m->spool, SPOOL_INPUTMSG), '\n');
	m->headers_ended = true;
	return spool_added(m->spool, SPOOL_INPUTMSG);
}

/* Body and end */

int message_body(struct message *m, const char *bytes, size_t n)
{
	int err = message_end_headers(m); /* an MTA that does not tell of their end */

	if (err < 0)
		return err;
	body_convert(&m->body, bytes, n, spool_buf(m->spool, SPOOL_INPUTMSG));
	return spool_added(m->spool, SPOOL_INPUTMSG);
}

int message_sync(struct message *m)
{
	return spool_sync(m->spool);
}

int message_finish(struct message *m)
{
	message_end_headers(m);
	body_end(&m->body);
	if (m->body.suspicious)
		item_write(commands(m), COMMAND_SUSPICIOUS_BODY, NULL, 0);
	item_write(commands(m), COMMAND_END, NULL, 0);
	return spool_finish(m->spool);
}

int message_open_file(const struct message *m, const char *name, size_t *size)
{
	return spool_open_file(m->spool, name, size);
}
