#include "pool/observer.h"

/* Call one function of each observer that has it; its `arg` comes last. */
#define TELL(observers, event, ...)                                  \
	do {                                                         \
		const struct pool_observer *each;                    \
                                                                     \
		TAILQ_FOREACH (each, observers, link) {              \
			if (each->event != NULL)                     \
				each->event(__VA_ARGS__, each->arg); \
		}                                                    \
	} while (0)

void observers_started(const struct observers *o, const struct worker_facts *w, const char *reason)
{
	TELL(o, started, w, reason);
}

void observers_changed(const struct observers *o, const struct worker_facts *w, enum worker_state from,
		       enum worker_state to)
{
	TELL(o, changed, w, from, to);
}

void observers_moved(const struct observers *o, const struct worker_facts *w, int old_number)
{
	TELL(o, moved, w, old_number);
}

void observers_ending(const struct observers *o, const struct worker_facts *w, const char *reason)
{
	TELL(o, ending, w, reason);
}

void observers_ended(const struct observers *o, const struct worker_facts *w, bool was_expected)
{
	TELL(o, ended, w, was_expected);
}

void observers_given(const struct observers *o, const struct worker_facts *w, const struct job *job)
{
	TELL(o, given, w, job);
}

void observers_tagged(const struct observers *o, const struct worker_facts *w)
{
	TELL(o, tagged, w);
}

void observers_answered(const struct observers *o, const struct worker_facts *w, const struct job *job,
			enum worker_outcome outcome, int64_t run_ms)
{
	TELL(o, answered, w, job, outcome, run_ms);
}

void observers_queued(const struct observers *o, const struct job *job)
{
	TELL(o, queued, job);
}

void observers_refused(const struct observers *o, const struct job *job, const char *reply)
{
	TELL(o, refused, job, reply);
}

void observers_rereading(const struct observers *o)
{
	const struct pool_observer *each;

	TAILQ_FOREACH (each, o, link) {
		if (each->rereading != NULL)
			each->rereading(each->arg);
	}
}

void observers_reread(const struct observers *o, const char *error, unsigned generation)
{
	TELL(o, reread, error, generation);
}
