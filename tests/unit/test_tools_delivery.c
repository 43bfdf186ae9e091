#include "tools/delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MAX_CHANGES 6

struct step {
	enum milter_response response;
	uint32_t index;
	const char *a, *b; /* name and value, address and parameters, or a piece of body */
};

static struct milter_answer answer_of(const struct step *s)
{
	struct milter_answer a = { .response = s->response };

	switch (s->response) {
	case MILTER_REPLBODY:
		a.body.bytes = s->a;
		a.body.len = strlen(s->a);
		break;
	case MILTER_ADDHEADER:
	case MILTER_INSHEADER:
	case MILTER_CHGHEADER:
		a.header.index = s->index;
		a.header.name = s->a;
		a.header.value = s->b;
		break;
	case MILTER_QUARANTINE:
		a.text = s->a;
		break;
	default:
		a.address.address = s->a;
		a.address.params = s->b ? s->b : "";
	}
	return a;
}

static void changes_of(struct changes *c, const struct step *steps)
{
	*c = (struct changes){ 0 };
	for (int i = 0; i < MAX_CHANGES && steps[i].response != 0; i++) {
		struct milter_answer a = answer_of(&steps[i]);

		assert_int_equal(changes_add(c, &a), 0);
	}
}

static const char message_text[] = "A: 1\nB: 2\na: 3\n\nbody\n";

static const struct {
	struct step steps[MAX_CHANGES];
	const char *delivered;
} cases[] = {
	{ { { 0 } }, "A: 1\nB: 2\na: 3\n\nbody\n" },
	{ { { MILTER_ADDHEADER, 0, "A", "x" } }, "A: 1\nB: 2\na: 3\nA: x\n\nbody\n" },
	/* The MTA's own Received has the place 0. */
	{ { { MILTER_INSHEADER, 0, "X", "x" } }, "X: x\nA: 1\nB: 2\na: 3\n\nbody\n" },
	{ { { MILTER_INSHEADER, 1, "X", "x" } }, "X: x\nA: 1\nB: 2\na: 3\n\nbody\n" },
	{ { { MILTER_INSHEADER, 2, "X", "x" } }, "A: 1\nX: x\nB: 2\na: 3\n\nbody\n" },
	{ { { MILTER_INSHEADER, 99, "X", "x" } }, "A: 1\nB: 2\na: 3\nX: x\n\nbody\n" },
	{ { { MILTER_INSHEADER, 0xffffffff, "X", "x" } }, "A: 1\nB: 2\na: 3\nX: x\n\nbody\n" },
	{ { { MILTER_INSHEADER, 0, "X", "x" }, { MILTER_INSHEADER, 1, "Y", "y" } },
	  "X: x\nY: y\nA: 1\nB: 2\na: 3\n\nbody\n" },
	/* Names in any case; 0 is 1; the filter's spelling of the name stays. */
	{ { { MILTER_CHGHEADER, 1, "a", "x" } }, "a: x\nB: 2\na: 3\n\nbody\n" },
	{ { { MILTER_CHGHEADER, 0, "A", "x" } }, "A: x\nB: 2\na: 3\n\nbody\n" },
	{ { { MILTER_CHGHEADER, 2, "A", "x" } }, "A: 1\nB: 2\nA: x\n\nbody\n" },
	{ { { MILTER_CHGHEADER, 3, "A", "x" } }, "A: 1\nB: 2\na: 3\nA: x\n\nbody\n" },
	{ { { MILTER_CHGHEADER, 1, "New", "x" } }, "A: 1\nB: 2\na: 3\nNew: x\n\nbody\n" },
	{ { { MILTER_CHGHEADER, 1, "Received", "x" } }, "A: 1\nB: 2\na: 3\nReceived: x\n\nbody\n" },
	/* Deleting; Postfix renumbers. */
	{ { { MILTER_CHGHEADER, 1, "A", "" } }, "B: 2\na: 3\n\nbody\n" },
	{ { { MILTER_CHGHEADER, 1, "A", "" }, { MILTER_CHGHEADER, 1, "A", "" } }, "B: 2\n\nbody\n" },
	{ { { MILTER_CHGHEADER, 1, "A", "" }, { MILTER_CHGHEADER, 2, "A", "" } }, "B: 2\na: 3\n\nbody\n" },
	{ { { MILTER_CHGHEADER, 1, "None", "" } }, "A: 1\nB: 2\na: 3\n\nbody\n" },
	/* What was added in the same round counts. */
	{ { { MILTER_ADDHEADER, 0, "N", "1" }, { MILTER_CHGHEADER, 1, "N", "2" } },
	  "A: 1\nB: 2\na: 3\nN: 2\n\nbody\n" },
	/* Lines of a value. */
	{ { { MILTER_ADDHEADER, 0, "N", "1\n\t2\n 3\n4" } },
	  "A: 1\nB: 2\na: 3\nN: 1\n\t2\n 3\n\t4\n\nbody\n" },
	/* Bodies. */
	{ { { MILTER_REPLBODY, 0, "x\r", NULL }, { MILTER_REPLBODY, 0, "\ny\nz", NULL } },
	  "A: 1\nB: 2\na: 3\n\nx\ny\nz\n" },
	{ { { MILTER_REPLBODY, 0, "", NULL } }, "A: 1\nB: 2\na: 3\n\n" },
	{ { { MILTER_REPLBODY, 0, "a\rb\r\n", NULL } }, "A: 1\nB: 2\na: 3\n\na\rb\n" },
	/* What is not of the message. */
	{ { { MILTER_ADDRCPT, 0, "<x@y>", NULL }, { MILTER_QUARANTINE, 0, "why", NULL } },
	  "A: 1\nB: 2\na: 3\n\nbody\n" },
};

static void test_message(void **state)
{
	struct message m;

	assert_int_equal(message_parse(&m, message_text, strlen(message_text)), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct changes c;
		struct buf out;

		changes_of(&c, cases[i].steps);
		buf_init(&out, BUF_NO_LIMIT);
		assert_int_equal(delivery_write(&out, &m, &c, false), 0);
		assert_string_equal(out.data, cases[i].delivered);
		buf_free(&out);
		changes_free(&c);
	}
	message_free(&m);
}

static void test_lead_space(void **state)
{
	const struct step steps[MAX_CHANGES] = { { MILTER_ADDHEADER, 0, "X", "v" },
						 { MILTER_ADDHEADER, 0, "Y", " v" } };
	struct message m;
	struct changes c;
	struct buf out;

	assert_int_equal(message_parse(&m, "A:1\n\n", 5), 0);
	changes_of(&c, steps);
	buf_init(&out, BUF_NO_LIMIT);
	assert_int_equal(delivery_write(&out, &m, &c, true), 0);
	assert_string_equal(out.data, "A:1\nX:v\nY: v\n\n");
	buf_free(&out);
	changes_free(&c);
	message_free(&m);
}

static const struct {
	struct step steps[MAX_CHANGES];
	const char *envelope; /* sender, recipients */
} envelopes[] = {
	{ { { 0 } }, "<s@x> <a@x> <b@x>" },
	{ { { MILTER_CHGFROM, 0, "<n@x>", NULL } }, "<n@x> <a@x> <b@x>" },
	{ { { MILTER_CHGFROM, 0, "<>", NULL } }, "<> <a@x> <b@x>" },
	{ { { MILTER_ADDRCPT, 0, "<c@x>", NULL }, { MILTER_ADDRCPT_PAR, 0, "d@x", "NOTIFY=never" } },
	  "<s@x> <a@x> <b@x> <c@x> d@x" },
	{ { { MILTER_ADDRCPT, 0, "a@x", NULL } }, "<s@x> <a@x> <b@x>" },
	{ { { MILTER_DELRCPT, 0, "<a@x>", NULL } }, "<s@x> <b@x>" },
	{ { { MILTER_DELRCPT, 0, "b@x", NULL } }, "<s@x> <a@x>" },
	{ { { MILTER_DELRCPT, 0, "<none@x>", NULL } }, "<s@x> <a@x> <b@x>" },
	{ { { MILTER_DELRCPT, 0, "<a@x>", NULL }, { MILTER_ADDRCPT, 0, "<a@x>", NULL } },
	  "<s@x> <b@x> <a@x>" },
};

static void test_envelope(void **state)
{
	for (size_t i = 0; i < sizeof(envelopes) / sizeof(*envelopes); i++) {
		const char *rcpts[2 + MAX_CHANGES] = { "<a@x>", "<b@x>" };
		struct envelope e = { .from = "<s@x>", .rcpts = rcpts, .n_rcpts = 2 };
		struct changes c;
		struct buf out;

		changes_of(&c, envelopes[i].steps);
		delivery_envelope(&e, &c);
		buf_init(&out, BUF_NO_LIMIT);
		buf_adds(&out, e.from);
		for (size_t k = 0; k < e.n_rcpts; k++)
			buf_addf(&out, " %s", e.rcpts[k]);
		assert_string_equal(out.data, envelopes[i].envelope);
		buf_free(&out);
		changes_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_lead_space),
		cmocka_unit_test(test_envelope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
