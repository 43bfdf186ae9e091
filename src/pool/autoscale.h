/* autoscale.h - whether a pool should have one worker more or one less (-k). Pure: the time is passed in.
 *
 * At each check the share of busy workers goes into an exponential moving average. Above one threshold a
 * worker is started, below another an idle one is ended, each not before its own pause is over. Source of
 * the rules: MIMEDefang's -k. */
#ifndef DEFANG_POOL_AUTOSCALE_H
#define DEFANG_POOL_AUTOSCALE_H

#include <stdint.h>

struct autoscale_limits {
	int min_workers, max_workers;
	double scale_out;        /* start above this share of busy workers, 0 to 1 */
	double scale_in;         /* end below it */
	double weight;           /* of the newest reading in the average, 0 to 1 */
	int64_t out_cooldown_ms; /* more than this since the last start */
	int64_t in_cooldown_ms;  /* more than this since the last start, and since the last end */
};

/* Begin with autoscale_init(). */
struct autoscale {
	double average; /* share of busy workers */
	int64_t out_ms; /* when a worker was last started, for whatever reason */
	int64_t in_ms;  /* when one was last ended for this */
};

struct autoscale_counts {
	int running; /* workers that are there, ready or not */
	int busy, idle;
};

enum autoscale_choice { AUTOSCALE_KEEP, AUTOSCALE_OUT, AUTOSCALE_IN };

void autoscale_init(struct autoscale *a);
void autoscale_on_start(struct autoscale *a, int64_t now_ms);

/* Take a reading, and choose; an AUTOSCALE_IN counts as done. */
enum autoscale_choice autoscale_check(const struct autoscale_limits *l, struct autoscale *a,
				      const struct autoscale_counts *c, int64_t now_ms);

#endif
