/* id.h - identifiers: of messages whose queue id is not known yet, and of sessions. Pure. */
#ifndef DEFANG_MILTER_ID_H
#define DEFANG_MILTER_ID_H

#include <stdint.h>

#define ID_SIZE 8 /* 7 characters and a NUL */

struct id_source {
	uint32_t next, first, step;
};

/* One of `n` sources, numbered from 0, that never give the same identifier in the same second: each has its
 * own share of the counter's values. `n` is at most 3600. */
void id_source_init(struct id_source *ids, uint32_t number, uint32_t n);

/* Seven digits to the base of 60 (0-9 a-z A-X): five of the time in seconds, two of a counter. Unique for
 * 3600 messages a second over all sources. */
void id_make(struct id_source *from, int64_t now_s, char out[ID_SIZE]);

#define SESSION_ID_SIZE 12 /* 11 characters and a NUL */

struct session_ids { /* those of one loop */
	int64_t pid; /* of this process */
	int loop;    /* number of the loop, from 0 */
	uint64_t next;
};

/* Eleven such digits: four of the process id, two of the loop, five of a counter: different for all sessions
 * of a process, and for processes that run at the same time. */
void id_make_session(struct session_ids *from, char out[SESSION_ID_SIZE]);

#endif
