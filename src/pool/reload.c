#include "pool/reload.h"

#include "base/buf.h"
#include "base/log.h"
#include "pool/policy.h"
#include "pool/pool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX 16384
#define LOADS "Filter loads\n"

struct reload_waiter {
	TAILQ_ENTRY(reload_waiter) link;
	bool check; /* it only wants to know whether the filter loads */
	reload_done_fn *done;
	void *arg;
};

TAILQ_HEAD(waiters, reload_waiter);

struct reload {
	struct pool *pool;
	unsigned generation;      /* that has proved itself */
	unsigned last_tried;      /* generations are never reused */
	bool wanted;              /* a candidate is to be started */
	bool check;               /* the candidate is only tried: nobody has asked for a reload */
	bool stopped;             /* for good */
	struct worker *candidate; /* being tried */
	struct waiters waiters;
};

struct reload *reload_new(struct pool *pool)
{
	struct reload *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->pool = pool;
	TAILQ_INIT(&r->waiters);
	return r;
}

void reload_free(struct reload *r)
{
	struct reload_waiter *waiter;

	if (r == NULL)
		return;
	while ((waiter = TAILQ_FIRST(&r->waiters)) != NULL)
		reload_forget(r, waiter);
	free(r);
}

static struct reload_waiter *ask(struct reload *r, bool check, reload_done_fn *done, void *arg)
{
	struct reload_waiter *waiter;

	if (r->stopped) {
		errno = ESHUTDOWN;
		return NULL;
	}
	if ((waiter = calloc(1, sizeof(*waiter))) == NULL)
		return NULL;
	waiter->check = check;
	waiter->done = done;
	waiter->arg = arg;
	TAILQ_INSERT_TAIL(&r->waiters, waiter, link);
	/* Who asks for a reload turns a trial that runs into one. */
	r->check = check && (r->check || !reload_is_running(r));
	if (r->candidate == NULL)
		r->wanted = true;
	pool_poke(r->pool);
	return waiter;
}

struct reload_waiter *reload_request(struct reload *r, reload_done_fn *done, void *arg)
{
	return ask(r, false, done, arg);
}

struct reload_waiter *reload_check(struct reload *r, reload_done_fn *done, void *arg)
{
	return ask(r, true, done, arg);
}

void reload_forget(struct reload *r, struct reload_waiter *waiter)
{
	TAILQ_REMOVE(&r->waiters, waiter, link);
	free(waiter);
}

/* `checked` is for those who have only asked whether it loads. */
static void tell_all(struct reload *r, const char *reply, const char *checked)
{
	struct reload_waiter *waiter;

	while ((waiter = TAILQ_FIRST(&r->waiters)) != NULL) {
		reload_done_fn *done = waiter->done;
		const char *text = waiter->check ? checked : reply;
		void *arg = waiter->arg;

		reload_forget(r, waiter);
		done(text, arg);
	}
}

static void succeed(struct reload *r)
{
	log_info("Forced reread of filter rules: generation %u", r->generation);
	observers_reread(pool_observers(r->pool), NULL, r->generation);
	tell_all(r, "Forced reread of filter rules\n", LOADS);
}

/* `words` is what the candidate wrote to its standard error: the filter's own message, with file and line. */
static void fail(struct reload *r, const struct tail *words, const char *why)
{
	const char *reply;
	struct buf text;

	buf_init(&text, REPLY_MAX);
	buf_adds(&text, "ERR Reread failed: ");
	if (words != NULL && tail_line(words, 0) != NULL) {
		tail_join(words, "; ", &text);
		buf_addf(&text, " (worker %s)", why);
	} else {
		buf_addf(&text, "worker %s", why);
	}
	log_err("%s; the old filter stays in use", text.data + strlen("ERR "));
	if (!r->check)
		observers_reread(pool_observers(r->pool), buf_error(&text) ? why : text.data + strlen("ERR "),
				 r->generation);
	buf_addc(&text, '\n');
	reply = buf_error(&text) ? "ERR Reread failed\n" : text.data;
	tell_all(r, reply, reply);
	buf_free(&text);
}

void reload_stop(struct reload *r)
{
	r->wanted = false;
	r->stopped = true;
	tell_all(r, "ERR Shutting down\n", "ERR Shutting down\n");
}

unsigned reload_generation(const struct reload *r)
{
	return r->generation;
}

static void candidate_start(struct reload *r)
{
	int err = pool_start_candidate(r->pool, r->last_tried + 1, "Trying the filter for a reread",
				       &r->candidate);

	if (err == 0 && r->candidate == NULL)
		return; /* no slot: the end of a worker brings us back */
	r->wanted = false;
	r->last_tried++;
	if (!r->check)
		observers_rereading(pool_observers(r->pool));
	if (err < 0)
		fail(r, NULL, strerror(-err));
}

/* --- what the pool calls --- */

bool reload_is_running(const struct reload *r)
{
	return r->wanted || r->candidate != NULL;
}

unsigned reload_trial(const struct reload *r)
{
	return r->candidate != NULL ? r->last_tried : r->generation;
}

int64_t reload_pass(struct reload *r, int64_t now_ms)
{
	int64_t at;

	if (!r->wanted)
		return POLICY_NEVER;
	if ((at = pool_start_at(r->pool, true)) > now_ms)
		return at;
	candidate_start(r);
	return POLICY_NEVER;
}

bool reload_on_ready(struct reload *r, struct worker *w)
{
	if (w != r->candidate)
		return false;
	r->candidate = NULL;
	if (r->check) {
		worker_end(w, ENDING_GENTLE, "The filter loads");
		tell_all(r, LOADS, LOADS);
		return false;
	}
	r->generation = worker_facts(w)->generation;
	succeed(r);
	return true;
}

void reload_on_ended(struct reload *r, const struct worker *w)
{
	if (w != r->candidate)
		return;
	r->candidate = NULL;
	fail(r, worker_last_words(w), worker_end_text(w));
}
