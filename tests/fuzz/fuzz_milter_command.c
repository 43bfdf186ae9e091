/* The input is what an MTA sends: packets, one behind the other. */
#include "packets.h"

static void strings_walk(struct milter_strings s)
{
	const char *text;

	while ((text = milter_next(&s)) != NULL)
		assert(text + strlen(text) < s.end);
}

static void parts_walk(const struct milter_msg *m)
{
	if (m->command == MILTER_OPTNEG)
		lists_walk(m->optneg.lists);
	else if (m->command == MILTER_MACRO)
		strings_walk(m->macro.pairs);
	else if (m->command == MILTER_MAIL || m->command == MILTER_RCPT)
		strings_walk(m->envelope.args);
}

/* A command that is put and parsed anew puts the same bytes. */
static void check_again(const struct milter_msg *m)
{
	struct milter_packet p;
	struct milter_msg again;
	struct buf first, second;
	size_t used;

	buf_init(&first, BUF_NO_LIMIT);
	buf_init(&second, BUF_NO_LIMIT);
	milter_put(&first, m);
	assert(milter_frame(first.data, first.len, MILTER_MAX_DATA, &p, &used) == MILTER_FRAME_WHOLE);
	assert(used == first.len && milter_parse(&p, &again) == MILTER_OK);
	milter_put(&second, &again);
	assert(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	buf_free(&second);
	buf_free(&first);
}

static void check_packet(const struct milter_packet *p)
{
	struct milter_msg m;

	if (milter_parse(p, &m) == MILTER_OK) {
		assert(milter_command_name(p->letter)[0] != '?');
		parts_walk(&m);
		check_again(&m);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	packets_walk(data, n, MILTER_MAX_DATA, check_packet);
	return 0;
}
