/* snapshot.h - the reply to `snapshot`, for tools: all that the controller knows of itself and its workers,
 *
 *   snapshot version=1
 *   pool workers=2 slots=4 ..
 *   latency class=scan finished=12 run_ms=300 ranges=1:0,2:7,..,inf:0
 *   slot number=0 state=idle pid=4711 ..
 *   (an empty line)
 *
 * or what the front end knows of itself and its work:
 *
 *   snapshot version=1
 *   frontend version=0.1.0 state=serving pid=4711 ..
 *   messages accept=40 reject=2 ..
 *   answers stage=eom continue=40 reject=2 ..
 *   latency class=eom finished=42 run_ms=300 ranges=1:0,2:7,..,inf:0
 *   failure cause=no-controller count=0
 *   (an empty line)
 *
 * A line is a kind and key=value words parted by single spaces, values percent-encoded. Readers skip lines
 * and keys that they do not know; a change that they could not live with raises the version. Pure. */
#ifndef DEFANG_PROTO_SNAPSHOT_H
#define DEFANG_PROTO_SNAPSHOT_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_VERSION 1
#define SNAPSHOT_MAX_SLOTS 20000 /* twice the most workers that a controller can be set to */
#define SNAPSHOT_CLASSES 16
#define SNAPSHOT_STAGES 12
#define SNAPSHOT_FAILURES 32
#define SNAPSHOT_RANGES 16

/* Of a number that is not told: the line lacks it, or it does not apply. */
#define SNAPSHOT_NONE (-1)

struct snapshot_pool {
	int64_t workers;     /* that may take work at a time */
	int64_t slots;       /* for those and for workers on their way in and out */
	int64_t peak;        /* most processes alive at a time so far */
	int64_t activations; /* starts of workers */
	int64_t deaths;      /* workers that ended without having been told to */
	int64_t messages;    /* scans finished */
	int64_t queued;      /* requests */
	int64_t queue_limit;
	int64_t limit_hits; /* requests that neither a worker nor a slot to start one in was free for */
	int64_t generation; /* of the filter */
	int64_t uptime_s;
	int64_t degraded; /* 1: workers fail to start, one after the other; else 0 */
};

struct snapshot_frontend {
	char version[16];         /* of the program */
	char state[16];           /* starting, serving, ending */
	int64_t pid;              /* so is start: as of a slot */
	int64_t start;            /* .. */
	int64_t uptime_s;         /* since it is ready */
	int64_t loops;            /* event loops */
	int64_t sessions;         /* connections of mail servers */
	int64_t sessions_peak;    /* most at a time so far, of each loop, in sum */
	int64_t sessions_total;   /* so far */
	int64_t sessions_refused; /* not served */
	int64_t sessions_limit;   /* how many there may be */
	int64_t asked;            /* questions put to the controller */
	int64_t withdrawn;        /* .. and given up */
	int64_t fds;              /* open descriptors */
	int64_t fds_limit;        /* how many there may be */
};

struct snapshot_messages { /* that are over, by what became of them */
	int64_t accept, reject, tempfail, discard;
	int64_t aborted; /* taken back by the mail server */
	int64_t lost;    /* the connection ended before the verdict */
};

struct snapshot_answers { /* to mail servers that waited for them, at a stage of SMTP */
	char stage[16];
	int64_t go_on, reject, tempfail, accept, discard; /* go_on is `continue` */
};

struct snapshot_failure {
	char cause[24];
	int64_t count;
};

struct snapshot_latency {
	char class[16]; /* of requests; of the front end: the stage, or `controller` for its answers */
	int64_t finished;
	int64_t run_ms; /* their durations, in sum */
	int n_ranges;
	struct {
		int64_t bound_ms; /* SNAPSHOT_NONE: no bound */
		int64_t count;    /* that took so long at most, and longer than the bound before */
	} ranges[SNAPSHOT_RANGES];
};

struct snapshot_slot {
	int64_t number;
	char state[16];         /* stopped, starting, idle, busy, retiring, killed */
	int64_t pid;            /* NONE when stopped; so are start, seq, age and rss */
	int64_t start;          /* of the process: the starttime of proc(5) */
	int64_t seq;            /* which start of a worker it is, counted from 1 over the whole pool */
	int64_t generation;     /* of its filter */
	int64_t in_flight;      /* requests being worked on */
	int64_t accepted;       /* requests, by this process */
	int64_t slot_accepted;  /* by all that were in the slot */
	int64_t slot_processes; /* how many those were */
	int64_t retiring;       /* 1: takes no more requests */
	char why[80];           /* it is retiring or being ended */
	int64_t rss_kb;         /* resident memory */
	int64_t age_s;
	int64_t changed_s; /* since the last change of state */
	char class[16];    /* of the request at hand: scan ..; or empty */
	char tag[64];      /* status tag */
};

struct snapshot { /* the numbers of a part that is not there are NONE, its lists empty */
	struct snapshot_pool pool;
	struct snapshot_frontend frontend;
	struct snapshot_messages messages;
	struct snapshot_answers answers[SNAPSHOT_STAGES];
	size_t n_answers;
	struct snapshot_failure failures[SNAPSHOT_FAILURES];
	size_t n_failures;
	struct snapshot_latency latency[SNAPSHOT_CLASSES];
	size_t n_latency;
	struct snapshot_slot *slots; /* owned */
	size_t n_slots;
};

/* --- writing: the head first, LFs included --- */

void snapshot_add_head(struct buf *out);
void snapshot_add_frontend(struct buf *out, const struct snapshot_frontend *f);
void snapshot_add_messages(struct buf *out, const struct snapshot_messages *m);
void snapshot_add_answers(struct buf *out, const struct snapshot_answers *a);
void snapshot_add_failure(struct buf *out, const struct snapshot_failure *f);
void snapshot_add_pool(struct buf *out, const struct snapshot_pool *p);
void snapshot_add_latency(struct buf *out, const struct snapshot_latency *l);
void snapshot_add_slot(struct buf *out, const struct snapshot_slot *s);
void snapshot_add_end(struct buf *out);

/* --- reading --- */

enum snapshot_error {
	SNAPSHOT_OK,
	SNAPSHOT_UNKNOWN,   /* not a snapshot, or of another version */
	SNAPSHOT_CUT_SHORT, /* the empty line is missing */
	SNAPSHOT_BAD_VALUE, /* a number that is none */
	SNAPSHOT_TOO_MANY,  /* slots */
	SNAPSHOT_NO_MEMORY,
};

/* Read a whole reply; `text` is changed. On error there is nothing to free. Texts that are too long are cut.
 */
enum snapshot_error snapshot_parse(char *text, struct snapshot *out);
void snapshot_free(struct snapshot *s);

/* The same as JSON, in one line with its LF: {"version": 1, "pool": {..}, "slots": [..], ..}. Keys are those
 * of the lines; a number that is not told is null, a part that is not there is left out. */
void snapshot_json(struct buf *out, const struct snapshot *s);

/* The JSON of what was just written as `text`, which is changed; nothing when there is no memory. */
void snapshot_json_of_text(struct buf *out, char *text);

#endif
