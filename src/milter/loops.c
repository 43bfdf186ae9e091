#include "milter/loops.h"

#include "base/log.h"
#include "base/mailbox.h"
#include "milter/door.h"
#include "milter/listing.h"
#include "milter/session.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum order {             /* to a loop */
	     ORDER_TAKE, /* the connected socket `value` */
	     ORDER_DRAIN,
	     ORDER_STOP, /* the last one */
	     ORDER_CHECK,
	     ORDER_COUNT,
	     ORDER_LIST,
};

enum report { /* to the first */
	      REPORT_DRAINED,
	      REPORT_TURNED,
	      REPORT_SESSIONS, /* `value` of them */
	      REPORT_LISTED,   /* by the lane `value`: its listing is there */
};

/* A loop with a thread of its own. */
struct lane {
	struct server server;
	struct loop *loop;
	struct mailbox *orders;
	const struct mailbox *reports;
	pthread_t thread;
	bool runs; /* of the first loop's thread */
	int number;
	struct buf listing; /* the lane's from ORDER_LIST to REPORT_LISTED, else the first loop's */
};

struct loops {
	struct server first;
	struct loop *loop;
	struct mailbox *reports;
	struct door *door;
	int n_lanes;
	int turn; /* who gets the next connection: a lane, or n_lanes for the first loop */

	int drained_left, turned_left, counts_left, listed_left; /* loops that have not reported */
	int64_t counted;                                         /* sessions, by those that have */
	void (*drained)(void *arg);
	void *drained_arg;
	void (*turned)(void *arg);
	void *turned_arg;
	void (*listed)(const char *text, size_t len, void *arg);
	void *listed_arg;
	struct buf listing; /* of those that have */
	struct lane lanes[];
};

/* On the thread of a lane */

static void on_lane_drained(void *arg)
{
	const struct lane *lane = arg;

	mailbox_post_wait(lane->reports, (struct note){ .what = REPORT_DRAINED });
}

static void on_order(struct note note, void *arg)
{
	struct lane *lane = arg;

	switch ((enum order)note.what) {
	case ORDER_TAKE:
		session_start(&lane->server, note.value);
		break;
	case ORDER_DRAIN:
		server_drain(&lane->server, on_lane_drained, lane);
		break;
	case ORDER_STOP:
		server_stop(&lane->server);
		loop_stop(lane->loop);
		break;
	case ORDER_CHECK:
		mailbox_post_wait(lane->reports, (struct note){ .what = REPORT_TURNED });
		break;
	case ORDER_COUNT:
		mailbox_post_wait(lane->reports,
				  (struct note){ REPORT_SESSIONS, (int)lane->server.n_sessions });
		break;
	case ORDER_LIST:
		listing_add(&lane->listing, &lane->server);
		mailbox_post_wait(lane->reports, (struct note){ REPORT_LISTED, lane->number });
		break;
	}
}

static void *lane_run(void *arg)
{
	struct lane *lane = arg;
	int rc = loop_run(lane->loop);

	if (rc < 0)
		log_err("event loop: %s", strerror(-rc));
	return NULL;
}

/* On the first thread: making and ending lanes */

static int lane_init(struct lane *lane, const struct loops *all, const struct site *site, int number, int n)
{
	lane->reports = all->reports;
	lane->number = number - 1;
	buf_init(&lane->listing, BUF_NO_LIMIT);
	if ((lane->loop = loop_new()) == NULL ||
	    (lane->orders = mailbox_new(lane->loop, on_order, lane)) == NULL)
		return -errno;
	server_init(&lane->server, lane->loop, site, number, n);
	return 0;
}

/* Signals are for the first loop: the thread inherits a mask that keeps them out. */
static int lane_start(struct lane *lane)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&lane->thread, NULL, lane_run, lane);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	lane->runs = err == 0;
	return -err;
}

static void lanes_order(const struct loops *l, enum order order)
{
	for (int i = 0; i < l->n_lanes; i++)
		if (l->lanes[i].runs)
			mailbox_post_wait(l->lanes[i].orders, (struct note){ .what = order });
}

/* Connections */

/* To whom: the first loop as long as it has nothing to do, since handing on costs time; else all in turn. */
static int choose(struct loops *l)
{
	int to = l->turn;

	if (l->first.n_sessions == 0)
		return l->n_lanes;
	l->turn = to == l->n_lanes ? 0 : to + 1;
	return to;
}

/* A lane that is far behind gets no more: the connection is then the first loop's. */
static void on_admit(int fd, void *arg)
{
	struct loops *l = arg;
	int to = choose(l);

	if (to == l->n_lanes || mailbox_post(l->lanes[to].orders, (struct note){ ORDER_TAKE, fd }) < 0)
		session_start(&l->first, fd);
}

static void add_count(struct loops *l, int64_t sessions)
{
	l->counted += sessions;
	if (--l->counts_left == 0 && l->door != NULL)
		door_counted(l->door, l->counted);
}

/* The order follows the connections that were handed out before, so that these are counted. */
static void on_count(void *arg)
{
	struct loops *l = arg;

	l->counted = 0;
	l->counts_left = l->n_lanes + 1;
	lanes_order(l, ORDER_COUNT);
	add_count(l, (int64_t)l->first.n_sessions);
}

/* Reports */

static void count_drained(void *arg)
{
	struct loops *l = arg;

	if (l->drained_left > 0 && --l->drained_left == 0)
		l->drained(l->drained_arg);
}

static void count_turned(void *arg)
{
	struct loops *l = arg;

	if (l->turned_left > 0 && --l->turned_left == 0)
		l->turned(l->turned_arg);
}

static void count_listed(void *arg)
{
	struct loops *l = arg;

	if (l->listed_left == 0 || --l->listed_left > 0)
		return;
	l->listed(l->listing.data, l->listing.len, l->listed_arg);
	buf_free(&l->listing);
}

static void take_listing(struct loops *l, int number)
{
	struct lane *lane = &l->lanes[number];

	buf_add(&l->listing, lane->listing.data, lane->listing.len);
	buf_free(&lane->listing);
	count_listed(l);
}

static void on_report(struct note note, void *arg)
{
	switch ((enum report)note.what) {
	case REPORT_DRAINED:
		count_drained(arg);
		break;
	case REPORT_TURNED:
		count_turned(arg);
		break;
	case REPORT_SESSIONS:
		add_count(arg, note.value);
		break;
	case REPORT_LISTED:
		take_listing(arg, note.value);
		break;
	}
}

/* The owner's calls */

struct loops *loops_new(struct loop *first, const struct site *site, int n)
{
	struct loops *l = calloc(1, sizeof(*l) + (size_t)(n - 1) * sizeof(l->lanes[0]));
	int err = 0;

	if (l == NULL)
		return NULL;
	l->loop = first;
	buf_init(&l->listing, BUF_NO_LIMIT);
	server_init(&l->first, first, site, 0, n);
	if ((l->reports = mailbox_new(first, on_report, l)) == NULL)
		err = -errno;
	for (; err == 0 && l->n_lanes < n - 1; l->n_lanes++)
		err = lane_init(&l->lanes[l->n_lanes], l, site, l->n_lanes + 1, n);
	if (err == 0)
		return l;
	loops_free(l);
	errno = -err;
	return NULL;
}

static void on_refused(void *arg)
{
	struct loops *l = arg;

	figures_count(&l->first.figures.sessions_refused, 1);
	figures_count(&l->first.figures.failures[FAILURE_CROWDED], 1);
}

struct server *loops_first(struct loops *l)
{
	return &l->first;
}

int loops_listen(struct loops *l, int fd)
{
	const struct door_config config = {
		.loop = l->loop,
		.limits = l->first.site->limits,
		.admit = on_admit,
		.count = on_count,
		.refused = on_refused,
		.arg = l,
	};
	int err = 0;

	for (int i = 0; err == 0 && i < l->n_lanes; i++)
		err = lane_start(&l->lanes[i]);
	if (err == 0 && (l->door = door_new(&config, fd)) == NULL)
		err = -errno;
	return err;
}

void loops_drain(struct loops *l, bool accept_waiting, void (*drained)(void *arg), void *arg)
{
	l->drained = drained;
	l->drained_arg = arg;
	l->drained_left = l->n_lanes + 1;
	door_close(l->door, accept_waiting);
	lanes_order(l, ORDER_DRAIN);
	server_drain(&l->first, count_drained, l);
}

void loops_stop(struct loops *l)
{
	door_free(l->door);
	l->door = NULL;
	lanes_order(l, ORDER_STOP);
	server_stop(&l->first);
	for (int i = 0; i < l->n_lanes; i++) {
		if (l->lanes[i].runs)
			pthread_join(l->lanes[i].thread, NULL);
		l->lanes[i].runs = false;
	}
}

void loops_check(struct loops *l, void (*turned)(void *arg), void *arg)
{
	l->turned = turned;
	l->turned_arg = arg;
	l->turned_left = l->n_lanes + 1;
	lanes_order(l, ORDER_CHECK);
	loop_defer(l->loop, count_turned, l);
}

void loops_list(struct loops *l, void (*listed)(const char *text, size_t len, void *arg), void *arg)
{
	l->listed = listed;
	l->listed_arg = arg;
	l->listed_left = 1;
	for (int i = 0; i < l->n_lanes; i++)
		l->listed_left += l->lanes[i].runs;
	lanes_order(l, ORDER_LIST);
	listing_add(&l->listing, &l->first);
	loop_defer(l->loop, count_listed, l);
}

void loops_figures(const struct loops *l, struct figures *total)
{
	figures_sum(total, &l->first.figures);
	for (int i = 0; i < l->n_lanes; i++)
		figures_sum(total, &l->lanes[i].server.figures);
}

int loops_number(const struct loops *l)
{
	return l->n_lanes + 1;
}

void loops_free(struct loops *l)
{
	if (l == NULL)
		return;
	loops_stop(l);
	for (int i = 0; i < l->n_lanes; i++) {
		buf_free(&l->lanes[i].listing);
		mailbox_free(l->lanes[i].orders);
		loop_free(l->lanes[i].loop);
	}
	mailbox_free(l->reports);
	buf_free(&l->listing);
	free(l);
}
