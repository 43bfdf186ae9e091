#include "tools/macros.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_MAX 16 /* more than session.c ever sets */
#define PACKET_MAX 256

struct macros {
	enum mta like;
	const struct macro *given;
	size_t n_given;
	struct known {
		const char *name;
		char *value;
	} known[KNOWN_MAX];
	size_t n_known;
	char *asked[MILTER_STAGES]; /* NULL: the MTA's own list */
};

#define TLS_MACROS "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}"
#define AUTH_MACROS "{auth_type} {auth_authen} {auth_author}"

/* The lists that the MTAs have when nothing is configured. NULL: no packet. */
static const char *const default_lists[][MILTER_STAGES] = {
	[MTA_POSTFIX] = {
		[MILTER_AT_CONNECT] = "j {daemon_name} {daemon_addr} v _",
		[MILTER_AT_HELO] = TLS_MACROS,
		[MILTER_AT_MAIL] = "i " AUTH_MACROS " {mail_addr} {mail_host} {mail_mailer}",
		[MILTER_AT_RCPT] = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
		[MILTER_AT_DATA] = "i",
		[MILTER_AT_EOM] = "i",
		[MILTER_AT_EOH] = "i",
	},
	[MTA_SENDMAIL] = {
		[MILTER_AT_CONNECT] = "j _ {daemon_name} {if_name} {if_addr}",
		[MILTER_AT_HELO] = TLS_MACROS,
		[MILTER_AT_MAIL] = "i " AUTH_MACROS " {auth_ssf} {mail_mailer} {mail_host} {mail_addr}",
		[MILTER_AT_RCPT] = "{rcpt_mailer} {rcpt_host} {rcpt_addr}",
		[MILTER_AT_EOM] = "{msg_id}",
	},
};

struct macros *macros_new(enum mta like, const struct macro *given, size_t n_given)
{
	struct macros *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->like = like;
	m->given = given;
	m->n_given = n_given;
	return m;
}

void macros_free(struct macros *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n_known; i++)
		free(m->known[i].value);
	for (size_t i = 0; i < MILTER_STAGES; i++)
		free(m->asked[i]);
	free(m);
}

/* The name in name[0..*n) without its braces. */
static const char *bare_name(const char *name, size_t *n)
{
	if (*n < 2 || name[0] != '{' || name[*n - 1] != '}')
		return name;
	*n -= 2;
	return name + 1;
}

/* `x` and `{x}` are the same macro. */
static bool same_name(const char *a, size_t a_len, const char *b)
{
	size_t b_len = strlen(b);

	a = bare_name(a, &a_len);
	b = bare_name(b, &b_len);
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

int macros_set(struct macros *m, const char *name, const char *value)
{
	char *copy = NULL;
	size_t i = 0;

	if (value != NULL && (copy = strdup(value)) == NULL)
		return -ENOMEM;
	while (i < m->n_known && strcmp(m->known[i].name, name) != 0)
		i++;
	if (i == KNOWN_MAX) {
		free(copy);
		return -ENOMEM;
	}
	if (i == m->n_known)
		m->known[m->n_known++] = (struct known){ .name = name };
	free(m->known[i].value);
	m->known[i].value = copy;
	return 0;
}

int macros_ask(struct macros *m, uint32_t stage, const char *names)
{
	char *copy;

	if (stage >= MILTER_STAGES)
		return 0;
	if ((copy = strdup(names)) == NULL)
		return -ENOMEM;
	free(m->asked[stage]);
	m->asked[stage] = copy;
	return 0;
}

static const char *value_of(const struct macros *m, const char *name, size_t len)
{
	for (size_t i = 0; i < m->n_given; i++) {
		if (same_name(name, len, m->given[i].name))
			return m->given[i].value;
	}
	for (size_t i = 0; i < m->n_known; i++) {
		if (same_name(name, len, m->known[i].name))
			return m->known[i].value;
	}
	return NULL;
}

static const char *list_of(const struct macros *m, int stage)
{
	return m->asked[stage] != NULL ? m->asked[stage] : default_lists[m->like][stage];
}

/* The next name of a list, and its length; NULL at the end. */
static const char *list_next(const char **list, size_t *len)
{
	const char *name = *list + strspn(*list, " ,");

	*len = strcspn(name, " ,");
	*list = name + *len;
	return *len > 0 ? name : NULL;
}

static bool is_listed(const struct macros *m, const char *name)
{
	size_t len;

	for (int stage = 0; stage < MILTER_STAGES; stage++) {
		const char *list = list_of(m, stage), *at;

		while (list != NULL && (at = list_next(&list, &len)) != NULL) {
			if (same_name(at, len, name))
				return true;
		}
	}
	return false;
}

/* The macros of one packet. */
struct pairs {
	char *names[PACKET_MAX];
	const char *values[PACKET_MAX];
	int n;
};

/* Names go out in braces when they have several letters, as the MTAs write them. */
static void pairs_add(struct pairs *p, const char *name, size_t len, const char *value)
{
	char *copy;

	if (value == NULL || p->n == PACKET_MAX || (copy = calloc(1, len + 3)) == NULL)
		return;
	if (len > 1 && name[0] != '{') {
		copy[0] = '{';
		memcpy(copy + 1, name, len);
		copy[len + 1] = '}';
	} else {
		memcpy(copy, name, len);
	}
	p->names[p->n] = copy;
	p->values[p->n++] = value;
}

static void pairs_put(struct pairs *p, struct buf *out, char letter)
{
	milter_put_macros(out, letter, (const char *const *)p->names, p->values, p->n);
	for (int i = 0; i < p->n; i++)
		free(p->names[i]);
}

/* The stage whose list serves a command: for Postfix that of EOH for headers, of EOM for the body. */
static int stage_of(enum mta like, enum milter_command letter)
{
	switch (letter) {
	case MILTER_CONNECT:
		return MILTER_AT_CONNECT;
	case MILTER_HELO:
		return MILTER_AT_HELO;
	case MILTER_MAIL:
		return MILTER_AT_MAIL;
	case MILTER_RCPT:
		return MILTER_AT_RCPT;
	case MILTER_DATA:
		return MILTER_AT_DATA;
	case MILTER_EOH:
		return MILTER_AT_EOH;
	case MILTER_EOM:
		return MILTER_AT_EOM;
	case MILTER_HEADER:
		return like == MTA_POSTFIX ? MILTER_AT_EOH : -1;
	case MILTER_BODY:
		return like == MTA_POSTFIX ? MILTER_AT_EOM : -1;
	default:
		return -1;
	}
}

void macros_put(const struct macros *m, struct buf *out, enum milter_command letter)
{
	struct pairs p = { .n = 0 };
	int stage = stage_of(m->like, letter);
	const char *list = stage < 0 ? NULL : list_of(m, stage), *name;
	size_t len;

	if (list == NULL)
		return;
	while ((name = list_next(&list, &len)) != NULL)
		pairs_add(&p, name, len, value_of(m, name, len));
	for (size_t i = 0; stage == MILTER_AT_CONNECT && i < m->n_given; i++) {
		if (!is_listed(m, m->given[i].name))
			pairs_add(&p, m->given[i].name, strlen(m->given[i].name), m->given[i].value);
	}
	pairs_put(&p, out, (char)letter);
}
