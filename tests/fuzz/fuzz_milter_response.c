/* The input is what a filter sends: packets, one behind the other. */
#include "packets.h"

/* Put the answer as a filter would. */
static void answer_put(struct buf *out, const struct milter_answer *a)
{
	switch (a->response) {
	case MILTER_ADDHEADER:
		milter_put_text2(out, a->response, a->header.name, a->header.value);
		break;
	case MILTER_INSHEADER:
	case MILTER_CHGHEADER:
		milter_put_header(out, a->response, a->header.index, a->header.name, a->header.value);
		break;
	case MILTER_ADDRCPT:
	case MILTER_DELRCPT:
		milter_put_text(out, a->response, a->address.address);
		break;
	case MILTER_ADDRCPT_PAR:
	case MILTER_CHGFROM:
		milter_put_text2(out, a->response, a->address.address, a->address.params);
		break;
	case MILTER_REPLYCODE:
	case MILTER_QUARANTINE:
		milter_put_text(out, a->response, a->text);
		break;
	case MILTER_REPLBODY:
		milter_put_body(out, a->body.bytes, a->body.len);
		break;
	default:
		milter_put_letter(out, a->response);
	}
}

/* An answer that is put and parsed anew puts the same bytes. */
static void check_again(const struct milter_answer *a)
{
	struct milter_packet p;
	struct milter_answer again;
	struct buf first, second;
	size_t used;

	buf_init(&first, BUF_NO_LIMIT);
	buf_init(&second, BUF_NO_LIMIT);
	answer_put(&first, a);
	assert(milter_frame(first.data, first.len, MILTER_MAX_REPLY_DATA, &p, &used) == MILTER_FRAME_WHOLE);
	assert(milter_answer_parse(&p, &again) == MILTER_OK);
	if (used == first.len) { /* else a body in several packets */
		answer_put(&second, &again);
		assert(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	}
	buf_free(&second);
	buf_free(&first);
}

static void check_packet(const struct milter_packet *p)
{
	struct milter_answer a;

	if (milter_answer_parse(p, &a) == MILTER_OK) {
		assert(milter_response_name(p->letter)[0] != '?');
		if (a.is_optneg)
			lists_walk(a.optneg.lists);
		else
			check_again(&a);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	packets_walk(data, n, MILTER_MAX_REPLY_DATA, check_packet);
	return 0;
}
