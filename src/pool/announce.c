#include "pool/announce.h"

#include "base/clock.h"
#include "base/sdnotify.h"
#include "pool/observer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 10000 /* how often the words are brought up to date */
#define WORDS_MAX 128

struct announce {
	struct pool *pool;
	struct pool_observer observer;
	struct timer *timer;
	char words[WORDS_MAX]; /* told last */
};

static void words_of(const struct pool *p, char words[WORDS_MAX])
{
	struct pool_counts c = pool_count(p);

	snprintf(words, WORDS_MAX, "%d workers of %d: %d busy, %d idle, %d starting; %zu requests wait%s",
		 c.busy + c.idle + c.starting, pool_max_workers(p), c.busy, c.idle, c.starting,
		 c.for_start + c.queued, pool_is_degraded(p) ? "; workers do not start" : "");
}

static void timer_start(struct announce *a)
{
	int64_t ms = sdnotify_watchdog_ms();

	timer_set(a->timer, ms > 0 && ms < LOOK_MS ? ms : LOOK_MS);
}

/* Also when there is no watchdog: the manager then takes no notice of WATCHDOG. */
static void on_time(void *arg)
{
	struct announce *a = arg;
	char words[WORDS_MAX];

	words_of(a->pool, words);
	sdnotify_alive(strcmp(words, a->words) != 0 ? words : NULL);
	memcpy(a->words, words, sizeof(words));
	timer_start(a);
}

static void on_rereading(void *arg)
{
	sdnotify("RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_us());
}

static void on_reread(const char *error, unsigned generation, void *arg)
{
	sdnotify("READY=1");
}

struct announce *announce_new(struct loop *loop, struct pool *pool)
{
	struct announce *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->pool = pool;
	if ((a->timer = timer_new(loop, on_time, a)) == NULL) {
		free(a);
		return NULL;
	}
	a->observer = (struct pool_observer){ .rereading = on_rereading, .reread = on_reread, .arg = a };
	pool_observe(pool, &a->observer);
	return a;
}

void announce_free(struct announce *a)
{
	if (a == NULL)
		return;
	timer_free(a->timer);
	free(a);
}

void announce_ready(struct announce *a)
{
	words_of(a->pool, a->words);
	sdnotify("READY=1\nMAINPID=%d\nSTATUS=%s", (int)getpid(), a->words);
	timer_start(a);
}

void announce_stopping(struct announce *a)
{
	timer_clear(a->timer);
	sdnotify("STOPPING=1\nSTATUS=Stopping");
}
