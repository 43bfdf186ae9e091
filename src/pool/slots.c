#include "pool/slots.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	struct worker *worker;
	struct worker_facts past; /* of the last worker, while the slot is empty */
};

struct slots {
	int working;
	struct slot *slots;
	struct worker **idle; /* the most recently idled last */
	int n_idle;
};

struct slots *slots_new(int n, int64_t now_ms)
{
	struct slots *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->slots = calloc(2 * (size_t)n, sizeof(*s->slots))) == NULL ||
	    (s->idle = calloc(2 * (size_t)n, sizeof(struct worker *))) == NULL) {
		slots_free(s);
		return NULL;
	}
	s->working = n;
	for (int i = 0; i < 2 * n; i++) {
		s->slots[i].past = (struct worker_facts){
			.number = i,
			.pid = -1,
			.state = WORKER_STOPPED,
			.class = JOB_CLASS_UNSET,
			.last_class = JOB_CLASS_UNSET,
			.first_request_ms = -1,
			.changed_ms = now_ms,
		};
	}
	return s;
}

void slots_free(struct slots *s)
{
	if (s == NULL)
		return;
	for (int i = 0; s->slots != NULL && i < slots_all(s); i++)
		worker_free(s->slots[i].worker);
	free(s->slots);
	free(s->idle);
	free(s);
}

int slots_working(const struct slots *s)
{
	return s->working;
}

int slots_all(const struct slots *s)
{
	return 2 * s->working;
}

static int find_empty(const struct slots *s, int from, int to)
{
	for (int i = from; i < to; i++) {
		if (s->slots[i].worker == NULL)
			return i;
	}
	return -1;
}

int slots_find_working(const struct slots *s)
{
	return find_empty(s, 0, s->working);
}

int slots_find_spare(const struct slots *s)
{
	return find_empty(s, s->working, slots_all(s));
}

struct worker *slots_worker(const struct slots *s, int i)
{
	return s->slots[i].worker;
}

const struct worker_facts *slots_facts(const struct slots *s, int i)
{
	const struct slot *slot = &s->slots[i];

	return slot->worker != NULL ? worker_facts(slot->worker) : &slot->past;
}

void slots_put(struct slots *s, int i, struct worker *w)
{
	assert(s->slots[i].worker == NULL);
	s->slots[i].worker = w;
	worker_set_number(w, i);
}

struct worker *slots_take(struct slots *s, int i, int64_t now_ms)
{
	struct slot *slot = &s->slots[i];
	struct worker *w = slot->worker;

	assert(w != NULL);
	slot->past = *worker_facts(w);
	slot->past.state = WORKER_STOPPED;
	slot->past.pid = -1;
	slot->past.changed_ms = now_ms;
	slot->past.class = JOB_CLASS_UNSET;
	slot->past.tag[0] = slot->past.queue_id[0] = slot->past.domain[0] = '\0';
	slot->worker = NULL;
	return w;
}

void slots_swap(struct slots *s, int i, int j, int64_t now_ms)
{
	struct worker *a = s->slots[i].worker == NULL ? NULL : slots_take(s, i, now_ms);
	struct worker *b = s->slots[j].worker == NULL ? NULL : slots_take(s, j, now_ms);

	if (a != NULL)
		slots_put(s, j, a);
	if (b != NULL)
		slots_put(s, i, b);
}

void slots_idle_add(struct slots *s, struct worker *w)
{
	assert(s->n_idle < slots_all(s));
	s->idle[s->n_idle++] = w;
}

void slots_idle_remove(struct slots *s, struct worker *w)
{
	int i = 0;

	while (i < s->n_idle && s->idle[i] != w)
		i++;
	assert(i < s->n_idle);
	s->n_idle--;
	memmove(&s->idle[i], &s->idle[i + 1], (size_t)(s->n_idle - i) * sizeof(struct worker *));
}

int slots_idle_count(const struct slots *s)
{
	return s->n_idle;
}

struct worker *slots_idle(const struct slots *s, int i)
{
	return s->idle[s->n_idle - 1 - i];
}
