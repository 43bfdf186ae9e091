/* The message file of milter-send: parsed, delivered without a change, and parsed again, which must give the
 * same. CR CR LF of a body comes out as CR LF, and is a line end then: the body may get shorter. */
#include "tools/delivery.h"
#include "tools/message.h"

#include "fuzz.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct changes none;
	struct message first, again;
	struct buf out;

	assert(message_parse(&first, (const char *)data, size) == 0);
	assert(first.body.len == 0 || first.body.data[first.body.len - 1] == '\n');
	buf_init(&out, BUF_NO_LIMIT);
	assert(delivery_write(&out, &first, &none, false) == 0);
	assert(message_parse(&again, out.data, out.len) == 0);
	assert(again.n_headers == first.n_headers);
	for (size_t i = 0; i < first.n_headers; i++)
		assert(strcmp(first.headers[i].name, again.headers[i].name) == 0);
	assert(again.body.len <= first.body.len);
	message_free(&first);
	message_free(&again);
	buf_free(&out);
	return 0;
}
