/* request.h - requests to the controller, and from it to a worker: one line of words, each percent-encoded.
 * One table holds every request that the controller knows; parser, rights check, help text and manual check
 * read it.
 *
 * Built-in requests are matched in their case, over the whole line, as reference says; a line that fits no
 * row (`FREE`, `status x`, `workerinfo` without an argument) is for a worker: REQUEST_FOREIGN. */
#ifndef DEFANG_PROTO_REQUEST_H
#define DEFANG_PROTO_REQUEST_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_MAX_LINE 65536 /* bytes without the LF; the original stops at 4094 */
#define REQUEST_MAX_WORDS 256

enum request_verb {
	REQUEST_FOREIGN, /* not in the table: handed to a worker as it is */
	/* answered by the controller */
	REQUEST_HELP,
	REQUEST_VERSION,
	REQUEST_FREE,
	REQUEST_STATUS,
	REQUEST_MSGS,
	REQUEST_WORKERS,
	REQUEST_BUSYWORKERS,
	REQUEST_WORKERINFO,
	REQUEST_LOAD, /* the four of a family follow one another: scans, relayok, senderok, recipok */
	REQUEST_LOAD_RELAYOK,
	REQUEST_LOAD_SENDEROK,
	REQUEST_LOAD_RECIPOK,
	REQUEST_LOAD1,
	REQUEST_HLOAD,
	REQUEST_HLOAD_RELAYOK,
	REQUEST_HLOAD_SENDEROK,
	REQUEST_HLOAD_RECIPOK,
	REQUEST_HISTO,
	REQUEST_SNAPSHOT,
	REQUEST_JSONSNAPSHOT,
	REQUEST_HEALTH,
	REQUEST_AUTOSCALE,
	REQUEST_REREAD,
	REQUEST_TICK_REFUSED, /* a client may not send `tick` */
	REQUEST_NO_SUCH,      /* `foo_no_such_command`, which monitoring programs use as an end marker */
	/* answered by a worker */
	REQUEST_SCAN,
	REQUEST_RELAYOK,
	REQUEST_HELOOK,
	REQUEST_SENDEROK,
	REQUEST_RECIPOK,
};

struct request_info {
	enum request_verb verb;
	const char *name;
	const char *synonym;    /* the older word, or NULL */
	int min_args, max_args; /* max_args -1: any number */
	bool privileged;        /* only on the -s socket */
	bool for_worker;
	const char *help; /* NULL: not listed */
};

/* The table, in the order of the help text. */
extern const struct request_info request_table[];
extern const size_t request_table_len;

struct request {
	const struct request_info *info; /* NULL for REQUEST_FOREIGN */
	enum request_verb verb;
	int argc;                            /* words after the verb */
	const char *argv[REQUEST_MAX_WORDS]; /* decoded; into the parsed line */
};

enum request_error { REQUEST_OK, REQUEST_TOO_MANY_WORDS };

/* Split `line` (no LF; one CR at its end is dropped; NUL-terminated) at single spaces and decode the words in
 * place; the verb stays at the start of `line`, as it was sent, ended by a NUL. On error *out is untouched.
 * Never fails because of an unknown verb. */
enum request_error request_parse(char *line, struct request *out);

/* `verb arg arg ..` LF, each word encoded. A NULL argument is an empty word. Works for any verb name. */
void request_encode(struct buf *out, const char *verb, const char *const *args, int n_args);

/* The status tag of a request line: its first two words, cut at 63 bytes, decoded, with every byte outside
 * 32..126 replaced by a space. `tag` has room for 64 bytes. */
void request_tag(const char *line, char tag[64]);

#endif
