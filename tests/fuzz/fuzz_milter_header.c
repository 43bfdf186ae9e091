#include "milter/header.h"

#include "fuzz.h"

#include <assert.h>

/* Whatever name and value are: one field, whose further lines begin with a blank, and no CR. */
static void check_folded(const char *name, const char *value)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	header_add_name(&out, name);
	assert(out.len == strlen(name) && strpbrk(out.data, "\r\n") == NULL);
	assert(!header_is_name(name) || strcmp(out.data, name) == 0);
	buf_clear(&out);
	header_add_folded(&out, value);
	assert(out.len <= 2 * strlen(value) && strchr(out.data, '\r') == NULL);
	for (const char *lf = strchr(out.data, '\n'); lf != NULL; lf = strchr(lf + 1, '\n'))
		assert(lf[1] == ' ' || lf[1] == '\t');
	buf_free(&out);
}

/* What is not suspicious loses nothing but the CRs of its line ends. */
static void check_honest(const char *name, const char *value)
{
	struct buf folded, again;

	if (header_is_suspicious(name, value))
		return;
	buf_init(&folded, BUF_NO_LIMIT);
	buf_init(&again, BUF_NO_LIMIT);
	header_add_folded(&folded, value);
	assert(!header_is_suspicious(name, folded.data));
	header_add_folded(&again, folded.data);
	assert(strcmp(folded.data, again.data) == 0);
	if (strchr(value, '\r') == NULL)
		assert(strcmp(folded.data, value) == 0);
	buf_free(&again);
	buf_free(&folded);
}

static void check_unfolded(const char *value)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	header_add_unfolded(&out, value);
	assert(out.len <= strlen(value) && strpbrk(out.data, "\r\n") == NULL);
	assert(header_leading_ipv4(value) <= 15);
	buf_free(&out);
}

/* A name, a NUL, a value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t len = strnlen((const char *)data, n), from = len < n ? len + 1 : n;
	char *name = fuzz_string(data, len);
	char *rest = fuzz_string(data + from, n - from), *value = fuzz_string(rest, strlen(rest));

	check_folded(name, value);
	check_honest(name, value);
	check_unfolded(value);
	free(value);
	free(rest);
	free(name);
	return 0;
}
