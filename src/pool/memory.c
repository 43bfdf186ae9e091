#include "pool/memory.h"

#include "base/log.h"
#include "base/procfs.h"
#include "pool/pool.h"

#include <stdlib.h>

#define LOOK_EVERY_MS 1000

/* How many times the limit is too much to wait for the end of the request. */
#define FAR_ABOVE 2

struct memory {
	struct pool *pool;
	struct slots *slots;
	int64_t limit_kb;
	struct timer *timer;
};

static bool is_watched(const struct worker_facts *f)
{
	if (f->first_request_ms < 0)
		return false;
	return f->state == WORKER_IDLE || f->state == WORKER_BUSY || f->state == WORKER_RETIRING;
}

static void kill_worker(const struct memory *m, struct worker *w, int64_t kb)
{
	log_warn(
		"Worker %d (pid %d) uses %lld kB of memory, more than %d times the limit of %lld: killing it",
		worker_facts(w)->number, (int)worker_facts(w)->pid, (long long)kb, FAR_ABOVE,
		(long long)m->limit_kb);
	worker_kill_too_big(w, "Worker used too much memory");
}

void memory_look(struct memory *m, struct worker *w)
{
	struct procfs_facts proc;
	int64_t kb;

	if (m->limit_kb == 0 || !is_watched(worker_facts(w)) || procfs_read(worker_facts(w)->pid, &proc) < 0)
		return;
	kb = procfs_kb(proc.rss_pages);
	worker_note_rss(w, kb);
	if (kb > FAR_ABOVE * m->limit_kb)
		kill_worker(m, w, kb);
	else if (kb > m->limit_kb)
		pool_poke(m->pool);
}

static void on_timer(void *arg)
{
	struct memory *m = arg;

	for (int i = 0; i < slots_all(m->slots); i++) {
		if (slots_worker(m->slots, i) != NULL)
			memory_look(m, slots_worker(m->slots, i));
	}
	timer_set(m->timer, LOOK_EVERY_MS);
}

struct memory *memory_new(struct loop *loop, struct pool *p, struct slots *slots, int64_t limit_kb)
{
	struct memory *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->pool = p;
	m->slots = slots;
	m->limit_kb = limit_kb;
	if ((m->timer = timer_new(loop, on_timer, m)) == NULL) {
		memory_free(m);
		return NULL;
	}
	if (limit_kb > 0)
		timer_set(m->timer, LOOK_EVERY_MS);
	return m;
}

void memory_free(struct memory *m)
{
	if (m == NULL)
		return;
	timer_free(m->timer);
	free(m);
}
