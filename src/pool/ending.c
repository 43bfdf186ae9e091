#include "pool/ending.h"

#include <signal.h>

static const struct {
	int64_t term_ms, kill_ms; /* from the beginning of the end */
} schedules[] = {
	[ENDING_GENTLE] = { 10000, 20000 }, [ENDING_FORCED] = { 0, 10000 },  [ENDING_AT_ONCE] = { 0, 0 },
	[ENDING_SHUTDOWN] = { 1000, 3000 }, [ENDING_LOST] = { 1000, 11000 },
};

static int64_t sooner_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void ending_plan(struct ending_plan *p, enum ending how, int64_t now_ms)
{
	p->term_at_ms = sooner_of(p->term_at_ms, now_ms + schedules[how].term_ms);
	p->kill_at_ms = sooner_of(p->kill_at_ms, now_ms + schedules[how].kill_ms);
}

int ending_due(struct ending_plan *p, int64_t now_ms)
{
	if (p->kill_at_ms <= now_ms) {
		*p = ENDING_NO_PLAN;
		return SIGKILL;
	}
	if (p->term_at_ms <= now_ms) {
		p->term_at_ms = ENDING_NEVER;
		return SIGTERM;
	}
	return 0;
}

int64_t ending_next(const struct ending_plan *p)
{
	return sooner_of(p->term_at_ms, p->kill_at_ms);
}
