#include "milter/starter.h"

#include <stdlib.h>

#define PAUSE_MS 200 /* between questions */

struct starter {
	const struct client *client;
	void (*cb)(bool alive, void *arg);
	void *arg;
	struct timer *limit;
	struct timer *pause;
	struct question *question; /* NULL in a pause */
};

static void end(struct starter *s, bool alive)
{
	void (*cb)(bool alive, void *arg) = s->cb;
	void *arg = s->arg;

	starter_free(s);
	cb(alive, arg);
}

static void on_free_workers(int n_free, enum failure failure, void *arg)
{
	struct starter *s = arg;

	s->question = NULL;
	if (n_free >= 0)
		end(s, true);
	else
		timer_set(s->pause, PAUSE_MS);
}

static void on_limit(void *arg)
{
	end(arg, false);
}

static void on_pause_over(void *arg)
{
	struct starter *s = arg;

	s->question = client_free_workers(s->client, WHO_NOBODY, true, 0, on_free_workers,
					  s); /* `limit` ends it */
	if (s->question == NULL)              /* out of memory: try again */
		timer_set(s->pause, PAUSE_MS);
}

struct starter *starter_new(const struct client *client, int64_t wait_ms, void (*cb)(bool alive, void *arg),
			    void *arg)
{
	struct starter *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->limit = timer_new(client->loop, on_limit, s)) == NULL ||
	    (s->pause = timer_new(client->loop, on_pause_over, s)) == NULL) {
		starter_free(s);
		return NULL;
	}
	s->client = client;
	s->cb = cb;
	s->arg = arg;
	timer_set(s->limit, wait_ms);
	timer_set(s->pause, 0);
	return s;
}

void starter_free(struct starter *s)
{
	if (s == NULL)
		return;
	question_cancel(s->question);
	timer_free(s->pause);
	timer_free(s->limit);
	free(s);
}
