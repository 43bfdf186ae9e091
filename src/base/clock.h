/* clock.h - the two clocks. Deadlines and ages use the monotonic one; what a person reads, the wall. */
#ifndef DEFANG_BASE_CLOCK_H
#define DEFANG_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void); /* milliseconds since an arbitrary start; never goes back */
int64_t clock_mono_us(void); /* the same in microseconds */
int64_t clock_wall_ms(void); /* milliseconds since the epoch; may be set back */

#endif
