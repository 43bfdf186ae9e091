#include "pool/stats.h"

#include "base/clock.h"
#include "base/log.h"
#include "pool/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES 8192 /* records are written when there are so many */

struct stats {
	struct pool *pool;
	const struct settings *settings;
	struct pool_observer observer;
	int fd; /* -1: no file */
	struct buf buffer;
	bool torn;   /* the buffer begins with the rest of a record that is in the file in part */
	bool failed; /* the last write; that has been logged */
	struct timer *status;
};

/* --- the file --- */

/* 0 or -errno. It may be a pipe: nobody waits for its reader. */
static int file_open(struct stats *s)
{
	s->fd = open(s->settings->stats_file,
		     O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
	return s->fd == -1 ? -errno : 0;
}

/* Of what could not be written only the rest of a record that was begun is kept: so the file has whole
 * records once there is room again. */
static void keep_torn(struct stats *s, size_t written)
{
	struct buf *b = &s->buffer;
	const char *end = NULL;

	if (written > 0)
		s->torn = b->data[written - 1] != '\n';
	buf_consume(b, written);
	if (s->torn)
		end = memchr(b->data, '\n', b->len);
	if (end != NULL)
		buf_truncate(b, (size_t)(end - b->data) + 1);
	else
		buf_clear(b);
}

/* Whole records in one write: it is not cut by somebody else's. */
static void flush(struct stats *s)
{
	ssize_t n;

	if (s->fd == -1 || s->buffer.len == 0)
		return;
	n = write(s->fd, s->buffer.data, s->buffer.len);
	if (n != (ssize_t)s->buffer.len && !s->failed)
		log_err("Cannot write statistics to %s: %s", s->settings->stats_file,
			n == -1 ? strerror(errno) : "disk full?");
	s->failed = n != (ssize_t)s->buffer.len;
	keep_torn(s, n == -1 ? 0 : (size_t)n);
}

static void file_close(struct stats *s)
{
	flush(s);
	buf_clear(&s->buffer);
	s->torn = false;
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}

void stats_reopen(struct stats *s)
{
	int err;

	if (s->settings->stats_file == NULL)
		return;
	file_close(s);
	if ((err = file_open(s)) < 0)
		log_err("Cannot open statistics file %s: %s", s->settings->stats_file, strerror(-err));
}

/* --- records --- */

static void record_to_file(struct stats *s, const struct record *r)
{
	if (s->fd == -1)
		return;
	record_add_date(r, &s->buffer);
	record_add(r, &s->buffer);
	buf_addc(&s->buffer, '\n');
	if (s->settings->stats_unbuffered || s->buffer.len >= BUFFER_BYTES || buf_error(&s->buffer))
		flush(s);
}

static void record_to_syslog(const struct record *r)
{
	struct buf text;

	buf_init(&text, BUF_NO_LIMIT);
	record_add(r, &text);
	log_info("stats %s", text.data);
	buf_free(&text);
}

static void record(struct stats *s, const struct record *r)
{
	record_to_file(s, r);
	if (s->settings->stats_syslog)
		record_to_syslog(r);
}

static bool is_busy(const struct worker_facts *w)
{
	return w->state == WORKER_BUSY || w->state == WORKER_RETIRING;
}

/* With the counts as they are now. */
static struct record record_of(const struct stats *s, const char *event, const struct worker_facts *w)
{
	struct record r = {
		.wall_ms = clock_wall_ms(),
		.event = event,
		.worker = w->known_as,
		.total = -1,
		.requests = -1,
	};

	for (int i = 0; i < pool_slots(s->pool); i++) {
		r.running += pool_worker(s->pool, i) != NULL;
		r.busy += pool_worker(s->pool, i) != NULL && is_busy(pool_slot(s->pool, i));
	}
	return r;
}

static void on_started(const struct worker_facts *w, const char *reason, void *arg)
{
	struct stats *s = arg;
	struct record r = record_of(s, "StartWorker", w);

	r.reason = reason;
	record(s, &r);
}

static void on_given(const struct worker_facts *w, const struct job *job, void *arg)
{
	struct stats *s = arg;
	struct record r;

	if (job->class != JOB_CLASS_SCAN)
		return;
	r = record_of(s, "StartFilter", w);
	record(s, &r);
}

static void on_answered(const struct worker_facts *w, const struct job *job, enum worker_outcome outcome,
			int64_t run_ms, void *arg)
{
	struct stats *s = arg;
	struct record r;

	if (job->class != JOB_CLASS_SCAN)
		return;
	r = record_of(s, "EndFilter", w);
	r.busy--; /* this one still counts */
	r.total = (int64_t)w->requests;
	record(s, &r);
}

static void on_ending(const struct worker_facts *w, const char *reason, void *arg)
{
	struct stats *s = arg;
	struct record r = record_of(s, "KillWorker", w);

	r.requests = (int64_t)w->requests;
	r.age_s = (pool_now(s->pool) - w->started_ms) / 1000;
	r.reason = reason;
	record(s, &r);
}

static void on_ended(const struct worker_facts *w, bool was_expected, void *arg)
{
	struct stats *s = arg;
	struct record r = record_of(s, "ReapWorker", w);

	r.running--; /* this one still counts */
	r.busy -= is_busy(w);
	record(s, &r);
}

/* --- the state in the log --- */

static void on_status(void *arg)
{
	struct stats *s = arg;
	struct pool_counts c = pool_count(s->pool);
	struct pool_totals t = pool_totals(s->pool);

	log_info("Worker status: Stopped=%d Idle=%d Busy=%d Killed=%d Queued=%zu Msgs=%lu Activations=%lu",
		 c.stopped + c.starting, c.idle, c.busy, c.killed, c.queued, t.scans, t.activations);
	timer_set(s->status, s->settings->status_log_ms);
}

/* --- the beginning and the end --- */

static int status_begin(struct stats *s, struct loop *loop)
{
	if (s->settings->status_log_ms == 0)
		return 0;
	if ((s->status = timer_new(loop, on_status, s)) == NULL)
		return -errno;
	timer_set(s->status, s->settings->status_log_ms);
	return 0;
}

int stats_open(struct loop *loop, struct pool *p, const struct settings *settings, struct stats **out)
{
	struct stats *s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return -ENOMEM;
	s->pool = p;
	s->settings = settings;
	s->fd = -1;
	buf_init(&s->buffer, BUF_NO_LIMIT);
	if ((settings->stats_file != NULL && (err = file_open(s)) < 0) || (err = status_begin(s, loop)) < 0) {
		stats_close(s);
		return err;
	}
	s->observer = (struct pool_observer){
		.arg = s,
		.started = on_started,
		.given = on_given,
		.answered = on_answered,
		.ending = on_ending,
		.ended = on_ended,
	};
	if (settings->stats_file != NULL || settings->stats_syslog)
		pool_observe(p, &s->observer);
	*out = s;
	return 0;
}

void stats_close(struct stats *s)
{
	if (s == NULL)
		return;
	file_close(s);
	timer_free(s->status);
	buf_free(&s->buffer);
	free(s);
}
