/* snapshot_fields.h - what the lines of a snapshot hold: one table for each kind, for all that write and read
 * them. Private to snapshot*.c. */
#ifndef DEFANG_PROTO_SNAPSHOT_FIELDS_H
#define DEFANG_PROTO_SNAPSHOT_FIELDS_H

#include <stddef.h>

struct snapshot_field {
	const char *key; /* NULL ends the table */
	size_t offset;
	size_t size; /* of a text; 0: a number */
};

extern const struct snapshot_field snapshot_fields_pool[];
extern const struct snapshot_field snapshot_fields_frontend[];
extern const struct snapshot_field snapshot_fields_messages[];
extern const struct snapshot_field snapshot_fields_answers[];
extern const struct snapshot_field snapshot_fields_failure[];
extern const struct snapshot_field snapshot_fields_latency[]; /* without the ranges */
extern const struct snapshot_field snapshot_fields_slot[];

#endif
