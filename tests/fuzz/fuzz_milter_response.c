/* The input is what a filter sends: packets, one behind the other. */
#include "proto/milter.h"

#include "fuzz.h"

#include <assert.h>

static void lists_walk(struct milter_lists l)
{
	const char *names;
	uint32_t stage;

	while (milter_next_list(&l, &stage, &names) == 0)
		assert(names + strlen(names) < l.end);
}

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
	char *data = fuzz_bytes(p->data, p->len);
	struct milter_answer a;

	if (milter_answer_parse(&(struct milter_packet){ p->letter, data, p->len }, &a) == MILTER_OK) {
		assert(milter_response_name(p->letter)[0] != '?');
		if (a.is_optneg)
			lists_walk(a.optneg.lists);
		else
			check_again(&a);
	}
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *bytes = fuzz_bytes(data, n), *at = bytes;
	struct milter_packet p;
	size_t used;

	while (milter_frame(at, n, MILTER_MAX_REPLY_DATA, &p, &used) == MILTER_FRAME_WHOLE) {
		assert(used >= 5 && used <= n);
		check_packet(&p);
		at += used;
		n -= used;
	}
	free(bytes);
	return 0;
}
