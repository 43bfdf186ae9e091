#include "milter/starter.h"

#include <stdlib.h>

struct starter {
	const struct client *client;
	void (*cb)(bool alive, void *arg);
	void *arg;
	struct timer *pause;
	struct question *question;
	int tries;
};

static void end(struct starter *s, bool alive)
{
	void (*cb)(bool alive, void *arg) = s->cb;
	void *arg = s->arg;

	starter_free(s);
	cb(alive, arg);
}

static void on_free_workers(int n_free, void *arg)
{
	struct starter *s = arg;

	s->question = NULL;
	if (n_free >= 0)
		end(s, true);
	else if (s->tries == STARTER_TRIES)
		end(s, false);
	else
		timer_set(s->pause, STARTER_PAUSE_MS);
}

/* Out of memory, too, is a try. */
static void on_pause_over(void *arg)
{
	struct starter *s = arg;

	s->tries++;
	s->question = client_free_workers(s->client, true, on_free_workers, s);
	if (s->question == NULL)
		on_free_workers(-1, s);
}

struct starter *starter_new(const struct client *client, void (*cb)(bool alive, void *arg), void *arg)
{
	struct starter *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->pause = timer_new(client->loop, on_pause_over, s)) == NULL) {
		free(s);
		return NULL;
	}
	s->client = client;
	s->cb = cb;
	s->arg = arg;
	timer_set(s->pause, 0);
	return s;
}

void starter_free(struct starter *s)
{
	if (s == NULL)
		return;
	question_cancel(s->question);
	timer_free(s->pause);
	free(s);
}
