#include "proto/netstring.h"
#include "proto/socketmap.h"

#include "fuzz.h"

#include <assert.h>

/* What is framed anew is the same frame: LEN has one form only. */
static void check_frame(const char *in, const struct netstring *ns)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	netstring_add(&out, ns->data, ns->len);
	assert(out.len == ns->used && memcmp(out.data, in, out.len) == 0);
	buf_free(&out);
}

/* A request is one line, and the worker's words are those of the mail server. */
static void check_request(const struct netstring *ns)
{
	struct buf line, back;
	struct netstring again;

	buf_init(&line, BUF_NO_LIMIT);
	buf_init(&back, BUF_NO_LIMIT);
	if (socketmap_request(ns->data, ns->len, &line)) {
		assert(strncmp(line.data, "map ", 4) == 0 && strchr(line.data, '\n') == NULL);
		socketmap_answer(line.data + 4, line.len - 4, &back);
		assert(netstring_parse(back.data, back.len, &again) == NETSTRING_OK);
		assert(again.len == ns->len && memcmp(again.data, ns->data, ns->len) == 0);
	}
	buf_free(&line);
	buf_free(&back);
}

static void check_answer(const char *bytes, size_t n)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	socketmap_answer(bytes, n, &out);
	assert(out.len <= n + 24 && out.data[out.len - 1] == ',');
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *bytes = fuzz_bytes(data, n);
	struct netstring ns;
	size_t at = 0;
	enum netstring_result r;

	while ((r = netstring_parse(bytes + at, n - at, &ns)) == NETSTRING_OK || r == NETSTRING_NO_COMMA) {
		assert(ns.used > 0 && ns.used <= n - at);
		if (r == NETSTRING_OK) {
			check_frame(bytes + at, &ns);
			check_request(&ns);
		}
		at += ns.used;
	}
	check_answer(bytes, n);
	free(bytes);
	return 0;
}
