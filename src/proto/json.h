/* json.h - writing JSON. Text is taken as UTF-8; bytes that are not are written as U+0080 to U+00FF, so that
 * what comes out is always valid and nothing is lost. */
#ifndef DEFANG_PROTO_JSON_H
#define DEFANG_PROTO_JSON_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	struct buf *out;
	bool comma; /* something stands before the next item */
};

/* `key` is NULL inside an array and at the top. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_end_object(struct json *j);
void json_end_array(struct json *j);
void json_text(struct json *j, const char *key, const char *s); /* NULL: null */
void json_int(struct json *j, const char *key, int64_t n);
void json_real(struct json *j, const char *key, double d); /* three decimals */
void json_bool(struct json *j, const char *key, bool b);

#endif
