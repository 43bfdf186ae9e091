#include "proto/snapshot_fields.h"

#include "proto/snapshot.h"

#define NUMBER(type, member)                              \
	{                                                 \
#member, offsetof(struct type, member), 0 \
	}
#define TEXT(type, member)                                                                    \
	{                                                                                     \
#member, offsetof(struct type, member), sizeof(((struct type *)NULL)->member) \
	}
#define END                \
	{                  \
		NULL, 0, 0 \
	}

const struct snapshot_field snapshot_fields_pool[] = {
	NUMBER(snapshot_pool, workers),
	NUMBER(snapshot_pool, slots),
	NUMBER(snapshot_pool, peak),
	NUMBER(snapshot_pool, activations),
	NUMBER(snapshot_pool, deaths),
	NUMBER(snapshot_pool, messages),
	NUMBER(snapshot_pool, queued),
	NUMBER(snapshot_pool, queue_limit),
	NUMBER(snapshot_pool, limit_hits),
	NUMBER(snapshot_pool, generation),
	NUMBER(snapshot_pool, uptime_s),
	NUMBER(snapshot_pool, degraded),
	END,
};

const struct snapshot_field snapshot_fields_frontend[] = {
	TEXT(snapshot_frontend, version),
	TEXT(snapshot_frontend, state),
	NUMBER(snapshot_frontend, pid),
	NUMBER(snapshot_frontend, start),
	NUMBER(snapshot_frontend, uptime_s),
	NUMBER(snapshot_frontend, loops),
	NUMBER(snapshot_frontend, sessions),
	NUMBER(snapshot_frontend, sessions_peak),
	NUMBER(snapshot_frontend, sessions_total),
	NUMBER(snapshot_frontend, sessions_refused),
	NUMBER(snapshot_frontend, sessions_limit),
	NUMBER(snapshot_frontend, asked),
	NUMBER(snapshot_frontend, withdrawn),
	NUMBER(snapshot_frontend, fds),
	NUMBER(snapshot_frontend, fds_limit),
	END,
};

const struct snapshot_field snapshot_fields_messages[] = {
	NUMBER(snapshot_messages, accept),
	NUMBER(snapshot_messages, reject),
	NUMBER(snapshot_messages, tempfail),
	NUMBER(snapshot_messages, discard),
	NUMBER(snapshot_messages, aborted),
	NUMBER(snapshot_messages, lost),
	END,
};

const struct snapshot_field snapshot_fields_answers[] = {
	TEXT(snapshot_answers, stage),
	{ "continue", offsetof(struct snapshot_answers, go_on), 0 },
	NUMBER(snapshot_answers, reject),
	NUMBER(snapshot_answers, tempfail),
	NUMBER(snapshot_answers, accept),
	NUMBER(snapshot_answers, discard),
	END,
};

const struct snapshot_field snapshot_fields_failure[] = {
	TEXT(snapshot_failure, cause),
	NUMBER(snapshot_failure, count),
	END,
};

const struct snapshot_field snapshot_fields_latency[] = {
	TEXT(snapshot_latency, class),
	NUMBER(snapshot_latency, finished),
	NUMBER(snapshot_latency, run_ms),
	END,
};

const struct snapshot_field snapshot_fields_slot[] = {
	NUMBER(snapshot_slot, number),
	TEXT(snapshot_slot, state),
	NUMBER(snapshot_slot, pid),
	NUMBER(snapshot_slot, start),
	NUMBER(snapshot_slot, seq),
	NUMBER(snapshot_slot, generation),
	NUMBER(snapshot_slot, in_flight),
	NUMBER(snapshot_slot, accepted),
	NUMBER(snapshot_slot, slot_accepted),
	NUMBER(snapshot_slot, slot_processes),
	NUMBER(snapshot_slot, retiring),
	TEXT(snapshot_slot, why),
	NUMBER(snapshot_slot, rss_kb),
	NUMBER(snapshot_slot, age_s),
	NUMBER(snapshot_slot, changed_s),
	TEXT(snapshot_slot, class),
	TEXT(snapshot_slot, tag),
	END,
};
