#include "proto/milter.h"

#include "proto/milter_wire.h"

#include <assert.h>
#include <string.h>

/* Versions */

uint32_t milter_actions_of(uint32_t version)
{
	return version >= 6 ? MILTER_F_ALL : MILTER_F_ALL & 0x3f;
}

/* A command that a version does not know cannot be switched off in it either. */
uint32_t milter_protocol_of(uint32_t version)
{
	const uint32_t v2 = MILTER_P_NOCONNECT | MILTER_P_NOHELO | MILTER_P_NOMAIL | MILTER_P_NORCPT |
			    MILTER_P_NOBODY | MILTER_P_NOHDRS | MILTER_P_NOEOH;

	if (version >= 6)
		return MILTER_P_ALL;
	if (version >= 4)
		return v2 | MILTER_P_NOUNKNOWN | MILTER_P_NODATA;
	if (version == 3)
		return v2 | MILTER_P_NOUNKNOWN;
	return v2;
}

/* Names */

struct name {
	char letter;
	const char *text;
};

static const struct name command_names[] = {
	{ MILTER_OPTNEG, "OPTNEG" }, { MILTER_CONNECT, "CONNECT" }, { MILTER_HELO, "HELO" },
	{ MILTER_MACRO, "MACRO" },   { MILTER_MAIL, "MAIL" },       { MILTER_RCPT, "RCPT" },
	{ MILTER_DATA, "DATA" },     { MILTER_HEADER, "HEADER" },   { MILTER_EOH, "EOH" },
	{ MILTER_BODY, "BODY" },     { MILTER_EOM, "EOM" },         { MILTER_ABORT, "ABORT" },
	{ MILTER_QUIT, "QUIT" },     { MILTER_QUIT_NC, "QUIT_NC" }, { MILTER_UNKNOWN, "UNKNOWN" },
};

static const struct name response_names[] = {
	{ MILTER_CONTINUE, "CONTINUE" },
	{ MILTER_ACCEPT, "ACCEPT" },
	{ MILTER_REJECT, "REJECT" },
	{ MILTER_TEMPFAIL, "TEMPFAIL" },
	{ MILTER_DISCARD, "DISCARD" },
	{ MILTER_REPLYCODE, "REPLYCODE" },
	{ MILTER_SKIP, "SKIP" },
	{ MILTER_PROGRESS, "PROGRESS" },
	{ MILTER_SHUTDOWN, "SHUTDOWN" },
	{ MILTER_CONN_FAIL, "CONN_FAIL" },
	{ MILTER_ADDHEADER, "ADDHEADER" },
	{ MILTER_INSHEADER, "INSHEADER" },
	{ MILTER_CHGHEADER, "CHGHEADER" },
	{ MILTER_REPLBODY, "REPLBODY" },
	{ MILTER_ADDRCPT, "ADDRCPT" },
	{ MILTER_ADDRCPT_PAR, "ADDRCPT_PAR" },
	{ MILTER_DELRCPT, "DELRCPT" },
	{ MILTER_CHGFROM, "CHGFROM" },
	{ MILTER_QUARANTINE, "QUARANTINE" },
	{ MILTER_OPTNEG, "OPTNEG" },
};

static const char *name_find(const struct name *names, size_t n, char letter)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].letter == letter)
			return names[i].text;
	return "?";
}

const char *milter_command_name(char letter)
{
	return name_find(command_names, sizeof(command_names) / sizeof(command_names[0]), letter);
}

const char *milter_response_name(char letter)
{
	return name_find(response_names, sizeof(response_names) / sizeof(response_names[0]), letter);
}

static const char *const action_names[] = {
	/* by the number of the bit */
	"ADDHDRS",    "CHGBODY", "ADDRCPT",     "DELRCPT",    "CHGHDRS",
	"QUARANTINE", "CHGFROM", "ADDRCPT_PAR", "SETSYMLIST",
};

void milter_name_actions(struct buf *out, uint32_t actions)
{
	const char *between = "";

	for (size_t bit = 0; bit < sizeof(action_names) / sizeof(action_names[0]); bit++) {
		if ((actions & 1u << bit) == 0)
			continue;
		buf_adds(out, between);
		buf_adds(out, action_names[bit]);
		between = ", ";
	}
}

/* Reading */

uint32_t milter_u32(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

uint16_t milter_u16(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

enum milter_frame milter_frame(char *in, size_t n, size_t max_data, struct milter_packet *out, size_t *used)
{
	size_t len;

	*used = 4;
	if (n < 4)
		return MILTER_FRAME_MORE;
	len = milter_u32(in);
	if (len == 0)
		return MILTER_FRAME_EMPTY;
	if (len - 1 > max_data)
		return MILTER_FRAME_TOO_LONG;
	*used = 4 + len;
	if (n < *used)
		return MILTER_FRAME_MORE;
	*out = (struct milter_packet){ .letter = in[4], .data = in + 5, .len = len - 1 };
	return MILTER_FRAME_WHOLE;
}

const char *milter_take_string(const char **at, const char *end)
{
	const char *s = *at, *nul = memchr(s, '\0', (size_t)(end - s));

	if (nul == NULL)
		return NULL;
	*at = nul + 1;
	return s;
}

const char *milter_next(struct milter_strings *s)
{
	return milter_take_string(&s->at, s->end);
}

int milter_next_list(struct milter_lists *l, uint32_t *stage, const char **names)
{
	const char *at, *list;

	if (l->end - l->at < 4)
		return -1;
	at = l->at + 4;
	if ((list = milter_take_string(&at, l->end)) == NULL)
		return -1;
	*stage = milter_u32(l->at);
	*names = list;
	l->at = at;
	return 0;
}

bool milter_take_optneg(const char *at, const char *end, struct milter_optneg *out)
{
	if (end - at < 12)
		return false;
	out->version = milter_u32(at);
	out->actions = milter_u32(at + 4);
	out->protocol = milter_u32(at + 8);
	out->lists = (struct milter_lists){ at + 12, end };
	return true;
}

/* Writing */

size_t milter_open(struct buf *out, char letter)
{
	size_t mark = out->len;

	buf_add_u32(out, 0); /* the length, known when the packet is closed */
	buf_addc(out, letter);
	return mark;
}

void milter_close(struct buf *out, size_t mark)
{
	size_t len;

	if (buf_error(out) != 0)
		return;
	len = out->len - mark - 4;
	assert(len <= UINT32_MAX);
	for (int i = 0; i < 4; i++)
		out->data[mark + (size_t)i] = (char)(len >> (24 - 8 * i));
}

void milter_add_string(struct buf *out, const char *s)
{
	if (s == NULL)
		s = "";
	buf_add(out, s, strlen(s) + 1);
}
