/* socketmap.h - look-ups that a mail server sends to the controller's map socket, and what becomes of them on
 * the way to a worker and back. Each is the payload of a netstring: `NAME KEY` one way, `OK VALUE`,
 * `NOTFOUND `, `TEMP TEXT` .. the other (mimedefang-protocol(7)). */
#ifndef DEFANG_PROTO_SOCKETMAP_H
#define DEFANG_PROTO_SOCKETMAP_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Answers of the controller itself. */
#define SOCKETMAP_NO_COMMA "PERM Netstring missing terminating comma"
#define SOCKETMAP_BAD_REQUEST "PERM Invalid request format"

/* Append the request line for a worker, `map NAME KEY`, both words encoded, without an LF. The name ends at
 * the first space; the key may hold spaces and may be empty. False, with nothing appended, when there is no
 * space. */
bool socketmap_request(const char *payload, size_t n, struct buf *line);

/* Append, as a netstring, what the worker's answer `line` (with or without its LF) says once decoded. Its
 * words are not checked: they are between filter and mail server. */
void socketmap_answer(const char *line, size_t n, struct buf *out);

/* Append, as a netstring, what the reply that the controller has for its clients instead of a worker's answer
 * (`error: No free workers` LF) is to a mail server: `TEMP No free workers`. */
void socketmap_failure(const char *reply, struct buf *out);

#endif
