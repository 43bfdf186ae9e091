/* view.h - what a status shows of one milter, and how: pure. The figures of the pool come from one snapshot
 * of the controller, those of the front end from one of its own, sizes from the process table. */
#ifndef DEFANG_PMX_VIEW_H
#define DEFANG_PMX_VIEW_H

#include "base/buf.h"
#include "pmx/instance.h"
#include "pmx/status.h"
#include "proto/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

#define VIEW_NONE (-1) /* of a number that is not known */

enum view_flag {
	VIEW_STOPPING = 0x02,
	VIEW_NO_FRONT = 0x04,
	VIEW_NO_MUX = 0x08,     /* or it does not answer */
	VIEW_DEGRADED = 0x10,   /* workers do not start */
	VIEW_TWO_STARTS = 0x20, /* controller and front end are of different starts */
};

struct view {
	const struct instance *instance;
	bool configured, enabled;
	int64_t config_changed; /* 1, 0, VIEW_NONE */
	int64_t phase_s;        /* seconds of the present phase */
	int64_t uptime_s;
	int64_t front_size, front_threads, mux_size, mux_procs; /* sizes in bytes */
	bool mux_answered, front_answered;
	int64_t waited_s;            /* for the answers */
	struct snapshot pool, front; /* when answered */
	int64_t *slot_sizes;         /* of each slot's process, in bytes */
	bool two_starts;
};

unsigned view_flags(const struct view *v);

/* The slot that is taken for the one that answered: the lowest idle one, or else the lowest that lives; NULL.
 */
const struct snapshot_slot *view_answerer(const struct view *v);

/* Whether its process is one of the pool. The successor of a worker that is worn, or of an old filter, is
 * none yet while it starts: that one serves on, and the two change places when the successor is ready. So
 * never more than the pool's workers are there, besides those that are retiring. */
bool view_is_live(const struct view *v, const struct snapshot_slot *s);
bool view_is_successor(const struct view *v, const struct snapshot_slot *s);

/* Whether a slot is shown: it has been used, and is not an empty one of those for workers on their way out.
 */
bool view_has_slot(const struct view *v, const struct snapshot_slot *s);

/* Who lives and did not answer, of one that runs: "controller", "front end"; NULL: nobody. */
const char *view_silent(const struct view *v);

/* Requests being worked on. */
int64_t view_requests(const struct view *v);
int64_t view_retiring(const struct view *v);

void view_text(const struct view *v, struct buf *out);
void view_json(const struct view *views, size_t n, const char *time, struct buf *out);

/* Of all that were looked at; `down' of those that should run do not. */
enum status view_status(const struct view *views, size_t n, size_t down);

#endif
