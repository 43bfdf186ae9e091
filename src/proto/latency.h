/* latency.h - ranges of durations, about as wide as what they hold: the same for all programs, so that their
 * figures can be compared and added up. Pure. */
#ifndef DEFANG_PROTO_LATENCY_H
#define DEFANG_PROTO_LATENCY_H

#include <stdint.h>

#define LATENCY_RANGES 16
#define LATENCY_NO_BOUND (-1) /* of the last range */

/* The longest duration of range `i`, in ms. */
int64_t latency_bound(int i);

/* The range that `ms` falls into: that of the least bound which it does not pass. */
int latency_range(int64_t ms);

#endif
