/* Notes to a loop, from its own thread and from another one. */
#include "base/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FROM_THREAD 100000 /* several times what the pipe holds */

static struct loop *loop;
static struct mailbox *mailbox;
static int n_seen, free_at;
static bool in_order;

static void on_note(struct note note, void *arg)
{
	in_order = in_order && note.what == 7 && note.value == n_seen;
	if (++n_seen == free_at) {
		mailbox_free(mailbox);
		mailbox = NULL;
	}
}

static int setup(void **state)
{
	n_seen = 0;
	free_at = -1;
	in_order = true;
	if ((loop = loop_new()) == NULL)
		return -1;
	mailbox = mailbox_new(loop, on_note, NULL);
	return mailbox != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	mailbox_free(mailbox);
	loop_free(loop);
	return 0;
}

static void notes_arrive_in_order(void **state)
{
	for (int i = 0; i < 1000; i++)
		assert_int_equal(mailbox_post(mailbox, (struct note){ 7, i }), 0);
	while (n_seen < 1000)
		assert_int_equal(loop_turn(loop, 1000), 0);
	assert_true(in_order);
}

static void may_be_freed_in_its_callback(void **state)
{
	free_at = 3;
	for (int i = 0; i < 10; i++)
		assert_int_equal(mailbox_post(mailbox, (struct note){ 7, i }), 0);
	loop_turn(loop, 1000);
	assert_int_equal(n_seen, 3);
	assert_null(mailbox);
}

static void a_full_one_refuses(void **state)
{
	int n = 0;

	while (mailbox_post(mailbox, (struct note){ 7, n }) == 0)
		n++;
	assert_true(n >= 4096);
	assert_int_equal(mailbox_post(mailbox, (struct note){ 7, n }), -EAGAIN);
	while (n_seen < n)
		assert_int_equal(loop_turn(loop, 1000), 0);
	assert_true(in_order);
}

static void *post_many(void *arg)
{
	for (int i = 0; i < FROM_THREAD; i++)
		mailbox_post_wait(mailbox, (struct note){ 7, i });
	return NULL;
}

static void a_thread_waits_for_room(void **state)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, post_many, NULL), 0);
	while (n_seen < FROM_THREAD)
		assert_int_equal(loop_turn(loop, 1000), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(in_order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(notes_arrive_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(may_be_freed_in_its_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_one_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(a_thread_waits_for_room, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
