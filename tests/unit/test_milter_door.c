#include "milter/door.h"

#include "base/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 5000 /* for what must come; never waited for in full */
#define MOST 32

static void limits(void **state)
{
	static const struct {
		int64_t wanted, descriptors, sessions, refusals;
	} cases[] = {
		{ 0, 1024, 153, 64 }, /* (1024 - 256) / 5 */
		{ 0, 20000, 3948, 64 },
		{ 0, 524288, 65536, 64 }, /* enough is enough */
		{ 100000, 524288, 100000, 64 },
		{ 100, 1024, 100, 64 },
		{ 5000, 1024, 768, 64 }, /* all but the reserve */
		{ 0, 256, 25, 64 },
		{ 0, 100, 10, 25 },
		{ 5000, 100, 50, 25 },
		{ 0, 4, 1, 1 },
		{ 0, INT64_MAX, 65536, 64 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct door_limits got = door_limits(cases[i].wanted, cases[i].descriptors);

		assert_int_equal(got.sessions, cases[i].sessions);
		assert_int_equal(got.refusals, cases[i].refusals);
	}
}

/* A house: its door, and who is in. The count is answered at once, or when the test says so. */
struct house {
	struct loop *loop;
	struct door *door;
	struct address at;
	char folder[64];
	int inside[MOST];
	int n_inside, n_counts, n_refused;
	bool counts_later;
};

static void on_admit(int fd, void *arg)
{
	struct house *h = arg;

	assert_true(h->n_inside < MOST);
	h->inside[h->n_inside++] = fd;
}

static void on_count(void *arg)
{
	struct house *h = arg;

	h->n_counts++;
	if (!h->counts_later)
		door_counted(h->door, h->n_inside);
}

static void on_refused(void *arg)
{
	struct house *h = arg;

	h->n_refused++;
}

static void open_house(struct house *h, int64_t sessions, int64_t refusals)
{
	struct door_config config = {
		.limits = { sessions, refusals }, .admit = on_admit, .count = on_count, .refused = on_refused
	};
	char path[80];

	*h = (struct house){ .loop = loop_new(), .folder = "/tmp/test_milter_door.XXXXXX" };
	assert_non_null(h->loop);
	assert_non_null(mkdtemp(h->folder));
	snprintf(path, sizeof(path), "%s/sock", h->folder);
	assert_int_equal(address_parse(path, ADDRESS_LOOPBACK, &h->at), ADDRESS_OK);
	config.loop = h->loop;
	config.arg = h;
	h->door = door_new(&config, listen_open(&h->at, 100, 077));
	assert_non_null(h->door);
}

static void close_house(struct house *h)
{
	door_free(h->door);
	while (h->n_inside > 0)
		close(h->inside[--h->n_inside]);
	loop_free(h->loop);
	unlink(h->at.un.sun_path);
	rmdir(h->folder);
}

static int come(const struct house *h)
{
	int in_progress, fd = connect_open(&h->at, &in_progress);

	assert_true(fd >= 0);
	return fd;
}

static void turns(const struct house *h, int n)
{
	while (n-- > 0)
		loop_turn(h->loop, 0);
}

/* Speak as an MTA: whether it is told to come back. */
static bool is_refused(const struct house *h, int fd)
{
	static const char say[] = "\0\0\0\15O\0\0\0\6\0\0\1\377\0\37\377\377\0\0\0\4Ch\0U";
	static const char hear[] = "\0\0\0\15O\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\1t";
	char got[64] = "";
	ssize_t n;

	assert_int_equal(send(fd, say, sizeof(say) - 1, MSG_NOSIGNAL), sizeof(say) - 1);
	turns(h, 5);
	n = recv(fd, got, sizeof(got), MSG_DONTWAIT);
	return n == (ssize_t)sizeof(hear) - 1 && memcmp(got, hear, sizeof(hear) - 1) == 0;
}

static void refuses_above_the_limit(void **state)
{
	struct house h;
	int a, b, c;

	open_house(&h, 2, 10);
	a = come(&h);
	b = come(&h);
	c = come(&h);
	turns(&h, 3);
	assert_int_equal(h.n_inside, 2);
	assert_true(is_refused(&h, c));
	assert_int_equal(h.n_refused, 1);
	close(a);
	close(b);
	close(c);
	close_house(&h);
}

/* Nobody tells the door who leaves: it asks again as long as the house is full. */
static void lets_in_when_there_is_room_again(void **state)
{
	struct house h;
	int64_t give_up;
	int a, b;

	open_house(&h, 1, 10);
	a = come(&h);
	turns(&h, 3);
	assert_int_equal(h.n_inside, 1);
	close(h.inside[--h.n_inside]);
	give_up = loop_now(h.loop) + WAIT_MS;
	for (int before = h.n_counts; h.n_counts == before && loop_now(h.loop) < give_up;)
		loop_turn(h.loop, 10);
	b = come(&h);
	turns(&h, 3);
	assert_int_equal(h.n_inside, 1);
	close(a);
	close(b);
	close_house(&h);
}

static void holds_the_line_while_it_counts(void **state)
{
	struct house h;
	int a, b, c;

	open_house(&h, 2, 10);
	h.counts_later = true;
	a = come(&h);
	b = come(&h);
	turns(&h, 3);
	assert_int_equal(h.n_counts, 1);
	c = come(&h);
	turns(&h, 3);
	assert_int_equal(h.n_inside, 2); /* neither let in nor refused */
	assert_false(is_refused(&h, c));
	door_counted(h.door, 1); /* one has gone meanwhile */
	turns(&h, 3);
	assert_int_equal(h.n_inside, 3);
	close(a);
	close(b);
	close(c);
	close_house(&h);
}

static void refuses_a_few_at_a_time(void **state)
{
	struct house h;
	int in, fds[5];

	open_house(&h, 1, 2);
	in = come(&h);
	for (int i = 0; i < 5; i++)
		fds[i] = come(&h);
	turns(&h, 5);
	assert_true(is_refused(&h, fds[0]));
	assert_true(is_refused(&h, fds[1]));
	assert_false(is_refused(&h, fds[2])); /* waits */
	close(fds[0]);
	turns(&h, 5);
	close(fds[1]);
	turns(&h, 5);
	assert_true(is_refused(&h, fds[3]));
	for (int i = 2; i < 5; i++)
		close(fds[i]);
	close(in);
	close_house(&h);
}

static void closes_with_refusals_going_on(void **state)
{
	struct house h;
	int a, b, c;

	open_house(&h, 1, 2);
	a = come(&h);
	b = come(&h);
	c = come(&h);
	door_close(h.door, true);
	assert_int_equal(h.n_inside, 1);
	assert_true(is_refused(&h, b));
	assert_true(is_refused(&h, c));
	close(a);
	close(b);
	close(c);
	close_house(&h);
	door_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits),
		cmocka_unit_test(refuses_above_the_limit),
		cmocka_unit_test(lets_in_when_there_is_room_again),
		cmocka_unit_test(holds_the_line_while_it_counts),
		cmocka_unit_test(refuses_a_few_at_a_time),
		cmocka_unit_test(closes_with_refusals_going_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
