#include "proto/request.h"

#include "fuzz.h"

#include <assert.h>

/* A request that is written anew is the same request. */
static void check_again(const struct request *r)
{
	struct request again;
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	request_encode(&out, r->info != NULL ? r->info->name : "other", r->argv, r->argc);
	assert(out.len > 0 && strchr(out.data, '\n') == out.data + out.len - 1);
	out.data[out.len - 1] = '\0';
	assert(request_parse(out.data, &again) == REQUEST_OK);
	assert(again.info == r->info && again.verb == r->verb && again.argc == r->argc);
	for (int i = 0; i < r->argc; i++)
		assert(strcmp(again.argv[i], r->argv[i]) == 0);
	buf_free(&out);
}

static void check_tag(const char *line)
{
	char tag[64];

	request_tag(line, tag);
	assert(strlen(tag) < sizeof(tag));
	for (const char *c = tag; *c != '\0'; c++)
		assert(*c >= 32 && *c <= 126);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *line = fuzz_string(data, n);
	struct request r;

	check_tag(line);
	if (request_parse(line, &r) == REQUEST_OK)
		check_again(&r);
	free(line);
	return 0;
}
