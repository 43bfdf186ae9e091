#include "pool/observer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char heard[200];

static void hear(const char *name, const char *what)
{
	size_t n = strlen(heard);

	snprintf(heard + n, sizeof(heard) - n, "%s:%s ", name, what);
}

static void on_started(const struct worker_facts *w, const char *reason, void *arg)
{
	hear(arg, reason);
}

static void on_changed(const struct worker_facts *w, enum worker_state from, enum worker_state to, void *arg)
{
	hear(arg, from == WORKER_IDLE && to == WORKER_BUSY ? "changed" : "?");
}

static void on_answered(const struct worker_facts *w, const struct job *job, enum worker_outcome outcome,
			int64_t run_ms, void *arg)
{
	hear(arg, outcome == WORKER_TIMED_OUT && run_ms == 7 ? "answered" : "?");
}

static void on_refused(const struct job *job, const char *reply, void *arg)
{
	hear(arg, reply);
}

/* Each hears what it has a function for, in the order in which they came. */
static void test_telling(void **state)
{
	struct pool_observer first = { .arg = (char[]){ "1" },
				       .started = on_started,
				       .answered = on_answered };
	struct pool_observer second = {
		.arg = (char[]){ "2" },
		.started = on_started,
		.changed = on_changed,
		.refused = on_refused,
	};
	struct observers all = TAILQ_HEAD_INITIALIZER(all);
	struct worker_facts w = { .number = 1 };
	struct job job = { .len = 0 };

	heard[0] = '\0';
	observers_started(&all, &w, "nobody");
	TAILQ_INSERT_TAIL(&all, &first, link);
	TAILQ_INSERT_TAIL(&all, &second, link);
	observers_started(&all, &w, "start");
	observers_changed(&all, &w, WORKER_IDLE, WORKER_BUSY);
	observers_moved(&all, &w, 2);
	observers_ending(&all, &w, "unheard");
	observers_ended(&all, &w, true);
	observers_given(&all, &w, &job);
	observers_tagged(&all, &w);
	observers_answered(&all, &w, &job, WORKER_TIMED_OUT, 7);
	observers_queued(&all, &job);
	observers_refused(&all, &job, "no");
	observers_reread(&all, NULL, 1);
	assert_string_equal(heard, "1:start 2:start 2:changed 1:answered 2:no ");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_telling) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
