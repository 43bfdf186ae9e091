/* question.h - ask daemons things over their UNIX-domain sockets, and wait for the answers. */
#ifndef DEFANG_PMX_QUESTION_H
#define DEFANG_PMX_QUESTION_H

#include "proto/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Send `line' (with its LF). The whole answer, to free(); NULL when none has come in time. */
char *question_ask(const char *socket, const char *line, int64_t timeout_ms);

/* The snapshot of a controller or a front end. 0; -ETIMEDOUT when it did not answer, -EPROTO when not
 * understandably. */
int question_snapshot(const char *socket, int64_t timeout_ms, struct snapshot *out);

struct question_snapshot {
	const char *socket;
	struct snapshot *out;
	bool answered; /* then *out is the caller's to free */
};

/* Snapshots of many, asked all at once: it takes as long as the slowest, timeout_ms at most. When there are
 * more of them than descriptors some are asked after the others. */
void question_snapshots(struct question_snapshot *all, size_t n, int64_t timeout_ms);

/* Open connections of mail servers, as the front end tells; -1 when it does not. */
int64_t question_connections(const char *socket);

/* Whether the front end says that it is ending; that it is not. When it says nothing both are false. */
bool question_is_ending(const char *socket);
bool question_is_serving(const char *socket);

#endif
