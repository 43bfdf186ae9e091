#include "milter/door.h"

#include "base/listen.h"
#include "base/log.h"
#include "base/seldom.h"
#include "milter/refusal.h"

#include <errno.h>
#include <stdlib.h>

#define RESERVE 256         /* descriptors of the program, of loops and what they keep open, of refusals */
#define PER_SESSION 5       /* its connection, the work directory, and three files, or two and a question */
#define MOST_SESSIONS 65536 /* by default */
#define MOST_REFUSALS 64    /* at a time */
#define RECOUNT_MS 50       /* while the limit is reached */
#define LOG_EVERY_MS 60000

struct door {
	struct door_config config;
	struct listener *listener; /* NULL when closed */
	struct refusals refusals;
	struct timer *recount; /* runs while the limit is reached */
	int64_t sessions;      /* there are no more than these */
	bool counting;         /* nobody is let in until the answer is here */
	struct seldom complaint;
};

struct door_limits door_limits(int64_t wanted, int64_t descriptors)
{
	int64_t reserve = descriptors > 2 * RESERVE ? RESERVE : descriptors / 2;
	int64_t room = descriptors - reserve, sessions = wanted;

	if (wanted == 0)
		sessions = room / PER_SESSION < MOST_SESSIONS ? room / PER_SESSION : MOST_SESSIONS;
	if (sessions > room)
		sessions = room;
	return (struct door_limits){
		.sessions = sessions > 1 ? sessions : 1,
		.refusals = reserve / 2 < MOST_REFUSALS ? reserve / 2 : MOST_REFUSALS,
	};
}

static bool is_full(const struct door *d)
{
	return d->sessions >= d->config.limits.sessions;
}

static void update_listener(struct door *d)
{
	if (d->listener != NULL)
		listener_pause(d->listener, d->counting || d->refusals.n >= d->config.limits.refusals);
}

static void count(struct door *d)
{
	if (d->counting)
		return;
	d->counting = true;
	update_listener(d);
	d->config.count(d->config.arg);
}

void door_counted(struct door *d, int64_t sessions)
{
	d->counting = false;
	d->sessions = sessions;
	if (is_full(d) && d->listener != NULL)
		timer_set(d->recount, RECOUNT_MS);
	update_listener(d);
}

static void on_recount(void *arg)
{
	count(arg);
}

static void on_refusal_ended(void *arg)
{
	update_listener(arg);
}

static void refuse(struct door *d, int fd)
{
	int64_t n;

	if (seldom_due(&d->complaint, loop_now(d->config.loop), LOG_EVERY_MS, &n))
		log_warn("%lld connection%s refused for now: the limit of sessions is %lld (--max-sessions)",
			 (long long)n, n == 1 ? "" : "s", (long long)d->config.limits.sessions);
	d->config.refused(d->config.arg);
	refusal_start(&d->refusals, fd);
	update_listener(d);
}

static void on_accept(int fd, void *arg)
{
	struct door *d = arg;

	if (is_full(d)) {
		refuse(d, fd);
		return;
	}
	d->sessions++;
	d->config.admit(fd, d->config.arg);
	if (is_full(d))
		count(d);
}

struct door *door_new(const struct door_config *config, int fd)
{
	struct door *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->config = *config;
	refusals_init(&d->refusals, config->loop, on_refusal_ended, d);
	if ((d->recount = timer_new(config->loop, on_recount, d)) == NULL ||
	    (d->listener = listener_new(config->loop, fd, on_accept, d)) == NULL) {
		int err = errno;

		timer_free(d->recount);
		free(d);
		errno = err;
		return NULL;
	}
	return d;
}

void door_close(struct door *d, bool admit_waiting)
{
	struct listener *l = d->listener;

	d->listener = NULL;
	timer_clear(d->recount);
	if (admit_waiting)
		listener_finish(l);
	else
		listener_free(l);
}

void door_free(struct door *d)
{
	if (d == NULL)
		return;
	door_close(d, false);
	refusals_stop(&d->refusals);
	timer_free(d->recount);
	free(d);
}
