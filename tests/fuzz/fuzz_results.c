#include "milter/results.h"

#include "fuzz.h"

#include <assert.h>

/* Every change can be sent: it has what its packet needs, and no CR. */
static void check_change(const struct change *c)
{
	bool header = c->kind == MILTER_ADDHEADER || c->kind == MILTER_INSHEADER ||
		      c->kind == MILTER_CHGHEADER;
	struct buf out;

	assert(header == (c->name != NULL));
	assert(c->kind == MILTER_REPLBODY || c->value != NULL);
	assert(!header || (*c->name != '\0' && strchr(c->value, '\r') == NULL));
	if (c->kind == MILTER_REPLBODY)
		return;
	buf_init(&out, BUF_NO_LIMIT);
	change_put(&out, c, c->index % 2 == 0);
	assert(out.len > 5);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *bytes = fuzz_string(data, n);
	struct results r;

	if (results_parse(bytes, n, n % 2 == 0, &r) == RESULTS_OK) {
		for (size_t i = 0; i < r.changes.n; i++)
			check_change(&r.changes.list[i]);
		if (r.verdict != VERDICT_CONTINUE)
			assert((changes_actions(&r.changes) & ~(uint32_t)MILTER_F_QUARANTINE) == 0);
		if (r.verdict == VERDICT_REJECT || r.verdict == VERDICT_TEMPFAIL)
			assert(r.reply.code[0] == (r.verdict == VERDICT_REJECT ? '5' : '4') &&
			       r.reply.text != NULL);
		results_free(&r);
	}
	free(bytes);
	return 0;
}
