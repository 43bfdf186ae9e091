#include "pool/queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct job *make(const char *line)
{
	struct request none = { .verb = REQUEST_FOREIGN };
	struct job *job = job_new(line, &none, NULL, NULL);

	assert_non_null(job);
	return job;
}

static void assert_pops(struct queue *q, struct job *want)
{
	struct job *job = queue_pop(q);

	assert_ptr_equal(job, want);
	assert_null(job->queue);
	job_free(job);
}

static void test_order(void **state)
{
	struct queue *q = queue_new(3);
	struct job *a = make("a"), *b = make("b"), *c = make("c"), *d = make("d");

	assert_null(queue_first(q));
	assert_null(queue_pop(q));
	assert_int_equal(queue_push(q, a, 0), 0);
	assert_int_equal(queue_push(q, b, 0), 0);
	assert_int_equal(queue_push(q, c, 0), 0);
	assert_int_equal(queue_push(q, d, 0), -ENOBUFS);
	assert_null(d->queue);
	assert_ptr_equal(queue_first(q), a);
	queue_remove(q, b);
	assert_int_equal(queue_length(q), 2);
	job_free(b);
	assert_int_equal(queue_push(q, d, 0), 0);
	queue_remove(q, a);
	queue_push_front(q, a);
	assert_pops(q, a);
	assert_pops(q, c);
	queue_free(q); /* with d */
	queue_free(NULL);
}

static void test_deadlines(void **state)
{
	struct queue *q = queue_new(10);
	struct job *soon = make("soon"), *too = make("as soon"), *late = make("late");

	assert_int_equal(queue_deadline(q), INT64_MAX);
	assert_null(queue_pop_expired(q, 5000));
	queue_push(q, soon, 1000);
	queue_push(q, too, 1000);
	queue_push(q, late, 2000);
	assert_int_equal(queue_deadline(q), 1000);
	assert_null(queue_pop_expired(q, 999));
	assert_ptr_equal(queue_pop_expired(q, 1000), soon);
	assert_ptr_equal(queue_pop_expired(q, 1000), too);
	assert_null(queue_pop_expired(q, 1000));
	assert_int_equal(queue_deadline(q), 2000);
	assert_ptr_equal(queue_pop_expired(q, 5000), late);
	job_free(soon);
	job_free(too);
	job_free(late);
	queue_free(q);
}

static void test_no_deadline(void **state)
{
	struct queue *q = queue_new(10);

	queue_push(q, make("for ever"), 0);
	assert_int_equal(queue_deadline(q), INT64_MAX);
	assert_null(queue_pop_expired(q, INT64_MAX - 1));
	queue_free(q);
}

static void test_no_room(void **state)
{
	struct queue *q = queue_new(0);
	struct job *job = make("x");

	assert_int_equal(queue_push(q, job, 0), -ENOBUFS);
	job_free(job);
	queue_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_no_deadline),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
