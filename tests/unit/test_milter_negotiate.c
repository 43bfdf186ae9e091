#include "milter/negotiate.h"

#include "proto/milter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ALWAYS                                                                                          \
	(MILTER_P_NODATA | MILTER_P_NOUNKNOWN | MILTER_P_NR_DATA | MILTER_P_NR_UNKN | MILTER_P_NR_HDR | \
	 MILTER_P_NR_EOH | MILTER_P_NR_BODY | MILTER_P_HDR_LEADSPC)
#define NR_ENVELOPE (MILTER_P_NR_CONN | MILTER_P_NR_HELO | MILTER_P_NR_MAIL | MILTER_P_NR_RCPT)

static const struct needs nothing = { 0 };
static const struct needs all = {
	.connect = true, .helo = true, .mail = true, .rcpt = true, .refused_rcpt = true
};
static const struct needs usual = { .connect = true, .refused_rcpt = true };

static const struct {
	const struct needs *needs;
	struct agreement offer, agreed;
} cases[] = {
	/* as Postfix and Sendmail offer */
	{ &nothing, { 6, 0x1ff, 0x1fffff }, { 6, 0x1ff, ALWAYS | NR_ENVELOPE } },
	{ &all, { 6, 0x1ff, 0x1fffff }, { 6, 0x1ff, ALWAYS | MILTER_P_RCPT_REJ } },
	{ &usual,
	  { 6, 0x1ff, 0x1fffff },
	  { 6, 0x1ff, ALWAYS | MILTER_P_RCPT_REJ | MILTER_P_NR_HELO | MILTER_P_NR_MAIL | MILTER_P_NR_RCPT } },
	/* a newer MTA; actions and steps that we do not know are not asked for */
	{ &nothing, { 7, 0xfff, 0x7fffffff }, { 6, 0x1ff, ALWAYS | NR_ENVELOPE } },
	/* older ones */
	{ &nothing, { 4, 0x3f, 0x3ff }, { 4, 0x3f, MILTER_P_NODATA | MILTER_P_NOUNKNOWN | MILTER_P_NR_HDR } },
	{ &nothing, { 3, 0x3f, 0x1ff }, { 3, 0x3f, MILTER_P_NOUNKNOWN | MILTER_P_NR_HDR } },
	{ &usual, { 2, 0x3f, 0x7f }, { 2, 0x3f, 0 } },
	/* an offer of nothing is one of the oldest sets */
	{ &usual, { 2, 0, 0 }, { 2, 0x0f, 0 } },
};

static void agrees_within_the_offer(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct agreement *offer = &cases[i].offer;
		struct agreement got;

		assert_int_equal(
			negotiate(cases[i].needs, offer->version, offer->actions, offer->protocol, &got), 0);
		assert_int_equal(got.version, cases[i].agreed.version);
		assert_int_equal(got.actions, cases[i].agreed.actions);
		assert_int_equal(got.protocol, cases[i].agreed.protocol);
	}
}

static void refuses_versions_below_2(void **state)
{
	struct agreement got;

	assert_int_equal(negotiate(&nothing, 1, 0x0f, 0x3f, &got), -1);
	assert_int_equal(negotiate(&nothing, 0, 0, 0, &got), -1);
}

static void answers_where_the_mta_waits(void **state)
{
	const struct agreement a = { .protocol = MILTER_P_NR_HDR };

	assert_false(agreement_answers(&a, MILTER_P_NR_HDR));
	assert_true(agreement_answers(&a, MILTER_P_NR_BODY));
	assert_true(agreement_answers(&a, 0)); /* end of message */
}

static void knows_what_is_lacking(void **state)
{
	assert_int_equal(agreement_lacks(&(const struct agreement){ .actions = 0x1ff }), 0);
	assert_int_equal(agreement_lacks(&(const struct agreement){ .actions = 0x03f }),
			 MILTER_F_CHGFROM | MILTER_F_ADDRCPT_PAR); /* macro lists change nothing */
	assert_true(agreement_leads_space(&(const struct agreement){ .protocol = MILTER_P_HDR_LEADSPC }));
	assert_false(agreement_leads_space(&(const struct agreement){ .protocol = MILTER_P_NR_HDR }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_within_the_offer),
		cmocka_unit_test(refuses_versions_below_2),
		cmocka_unit_test(answers_where_the_mta_waits),
		cmocka_unit_test(knows_what_is_lacking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
