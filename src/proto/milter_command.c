/* Commands: MTA to filter. What is malformed here is what makes libmilter close the connection; HELO without
 * a NUL, which it drops without a reply, is too. */
#include "proto/milter_wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

/* Each *_parse() reads the data of one kind of packet; false when it is malformed. */

static bool optneg_parse(const char *at, const char *end, struct milter_msg *m)
{
	return milter_take_optneg(at, end, &m->optneg);
}

/* Sendmail writes `IPv6:` before the address, Postfix does not. */
static bool address_is_valid(char family, const char *text)
{
	unsigned char scratch[sizeof(struct in6_addr)];

	switch (family) {
	case 'L':
		return strlen(text) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
	case '4':
		return inet_pton(AF_INET, text, scratch) == 1;
	case '6':
		return inet_pton(AF_INET6, strncasecmp(text, "IPv6:", 5) == 0 ? text + 5 : text, scratch) ==
		       1;
	default:
		return false;
	}
}

static bool connect_parse(const char *at, const char *end, struct milter_msg *m)
{
	m->connect.host = milter_take_string(&at, end);
	if (m->connect.host == NULL || at == end)
		return false;
	m->connect.family = *at++;
	m->connect.address = "";
	if (m->connect.family == 'U')
		return true;
	if (end - at < 2)
		return false;
	m->connect.port = milter_u16(at);
	at += 2;
	m->connect.address = milter_take_string(&at, end);
	return m->connect.address != NULL && address_is_valid(m->connect.family, m->connect.address);
}

static bool text_parse(const char *at, const char *end, struct milter_msg *m)
{
	m->text = milter_take_string(&at, end);
	return m->text != NULL;
}

static bool macro_parse(const char *at, const char *end, struct milter_msg *m)
{
	if (at == end)
		return false;
	m->macro.stage = *at;
	m->macro.pairs = (struct milter_strings){ at + 1, end };
	return true;
}

static bool envelope_parse(const char *at, const char *end, struct milter_msg *m)
{
	m->envelope.address = milter_take_string(&at, end);
	m->envelope.args = (struct milter_strings){ at, end };
	return m->envelope.address != NULL;
}

static bool header_parse(const char *at, const char *end, struct milter_msg *m)
{
	m->header.name = milter_take_string(&at, end);
	m->header.value = milter_take_string(&at, end);
	return m->header.value != NULL && m->header.name[0] != '\0';
}

static bool body_parse(const char *at, const char *end, struct milter_msg *m)
{
	m->body.bytes = at;
	m->body.len = (size_t)(end - at);
	return m->body.len > 0 || m->command == MILTER_EOM;
}

static bool nothing_parse(const char *at, const char *end, struct milter_msg *m)
{
	return true;
}

typedef bool parse_fn(const char *at, const char *end, struct milter_msg *m);

static parse_fn *parse_of(char letter)
{
	switch (letter) {
	case MILTER_OPTNEG:
		return optneg_parse;
	case MILTER_CONNECT:
		return connect_parse;
	case MILTER_HELO:
	case MILTER_UNKNOWN:
		return text_parse;
	case MILTER_MACRO:
		return macro_parse;
	case MILTER_MAIL:
	case MILTER_RCPT:
		return envelope_parse;
	case MILTER_HEADER:
		return header_parse;
	case MILTER_BODY:
	case MILTER_EOM:
		return body_parse;
	case MILTER_DATA:
	case MILTER_EOH:
	case MILTER_ABORT:
	case MILTER_QUIT:
	case MILTER_QUIT_NC:
		return nothing_parse;
	default:
		return NULL;
	}
}

enum milter_error milter_parse(const struct milter_packet *p, struct milter_msg *out)
{
	struct milter_msg m = { .command = (enum milter_command)p->letter };
	parse_fn *parse = parse_of(p->letter);

	if (parse == NULL)
		return MILTER_UNKNOWN_LETTER;
	if (!parse(p->data, p->data + p->len, &m))
		return MILTER_MALFORMED;
	*out = m;
	return MILTER_OK;
}

static void range_put(struct buf *out, const char *at, const char *end)
{
	buf_add(out, at, (size_t)(end - at));
}

static void optneg_put(struct buf *out, const struct milter_msg *m)
{
	buf_add_u32(out, m->optneg.version);
	buf_add_u32(out, m->optneg.actions);
	buf_add_u32(out, m->optneg.protocol);
	range_put(out, m->optneg.lists.at, m->optneg.lists.end);
}

static void connect_put(struct buf *out, const struct milter_msg *m)
{
	milter_add_string(out, m->connect.host);
	buf_addc(out, m->connect.family);
	if (m->connect.family == 'U')
		return;
	buf_add_u16(out, m->connect.port);
	milter_add_string(out, m->connect.address);
}

static void data_put(struct buf *out, const struct milter_msg *m)
{
	switch (m->command) {
	case MILTER_OPTNEG:
		optneg_put(out, m);
		break;
	case MILTER_CONNECT:
		connect_put(out, m);
		break;
	case MILTER_HELO:
	case MILTER_UNKNOWN:
		milter_add_string(out, m->text);
		break;
	case MILTER_MACRO:
		buf_addc(out, m->macro.stage);
		range_put(out, m->macro.pairs.at, m->macro.pairs.end);
		break;
	case MILTER_MAIL:
	case MILTER_RCPT:
		milter_add_string(out, m->envelope.address);
		range_put(out, m->envelope.args.at, m->envelope.args.end);
		break;
	case MILTER_HEADER:
		milter_add_string(out, m->header.name);
		milter_add_string(out, m->header.value);
		break;
	case MILTER_BODY:
	case MILTER_EOM:
		buf_add(out, m->body.bytes, m->body.len);
		break;
	case MILTER_DATA:
	case MILTER_EOH:
	case MILTER_ABORT:
	case MILTER_QUIT:
	case MILTER_QUIT_NC:
		break;
	}
}

void milter_put(struct buf *out, const struct milter_msg *m)
{
	size_t mark = milter_open(out, (char)m->command);

	data_put(out, m);
	milter_close(out, mark);
}

void milter_put_macros(struct buf *out, char stage, const char *const *names, const char *const *values,
		       int n)
{
	size_t mark = milter_open(out, MILTER_MACRO);

	buf_addc(out, stage);
	for (int i = 0; i < n; i++) {
		milter_add_string(out, names[i]);
		milter_add_string(out, values[i]);
	}
	milter_close(out, mark);
}

void milter_put_envelope(struct buf *out, enum milter_command c, const char *address, const char *const *args,
			 int n)
{
	size_t mark = milter_open(out, (char)c);

	milter_add_string(out, address);
	for (int i = 0; i < n; i++)
		milter_add_string(out, args[i]);
	milter_close(out, mark);
}
