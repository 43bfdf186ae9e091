/* field.h - structured fields: Content-Type, Content-Disposition, Content-Transfer-Encoding. A first value,
 * then parameters, as RFC 2045 and 2231 have them and as MIME::Field::ParamVal reads what does not follow
 * them: a bad value loses its parameter, a bad parameter name ends the field. */
#ifndef DEFANG_MIME_FIELD_H
#define DEFANG_MIME_FIELD_H

#include "mime/arena.h"
#include "mime/mime.h"

struct field {
	const char *value; /* "" when there is none */
	struct mime_params params;
};

/* Parse a header field. `h` may be NULL: an empty field. All text is of the arena. 0 or -ENOMEM. */
int field_parse(struct arena *a, const struct mime_header *h, struct field *out);

/* The parameter, or NULL. The name is lower-case. */
const struct mime_param *field_param(const struct mime_params *params, const char *name);

#endif
