#include "pool/report.h"

#include "base/number.h"
#include "proto/request.h"

#include <errno.h>

/* Of the first N slots the letters are those of MIMEDefang, which knows neither starting nor retiring
 * workers: a starting one takes no request yet, a retiring one is at work. */
static char slot_letter(enum worker_state s)
{
	switch (s) {
	case WORKER_IDLE:
		return 'I';
	case WORKER_BUSY:
	case WORKER_RETIRING:
		return 'B';
	case WORKER_KILLED:
		return 'K';
	default:
		return 'S';
	}
}

static char worker_letter(const struct pool *p, int i, enum worker_state s)
{
	return i >= pool_max_workers(p) && s == WORKER_RETIRING ? 'R' : slot_letter(s);
}

static long long seconds_since(const struct pool *p, int64_t ms)
{
	return ms < 0 ? -1 : (pool_now(p) - ms) / 1000;
}

void report_status(const struct pool *p, struct buf *out)
{
	struct pool_totals t = pool_totals(p);

	for (int i = 0; i < pool_max_workers(p); i++)
		buf_addc(out, slot_letter(pool_slot(p, i)->state));
	buf_addf(out, " %lu %lu %zu %zu %lld\n", t.scans, t.activations, t.queue_limit, pool_count(p).queued,
		 seconds_since(p, t.begun_ms));
}

static void report_slot(const struct pool *p, int i, struct buf *out)
{
	const struct worker_facts *f = pool_slot(p, i);
	char letter = worker_letter(p, i, f->state);

	buf_addf(out, "%d %c", i, letter);
	if (letter != 'S')
		buf_addf(out, " %d", (int)f->pid);
	if (job_class_name(f->class) != NULL)
		buf_addf(out, " %s", job_class_name(f->class));
	if (job_class_name(f->last_class) != NULL)
		buf_addf(out, " last=%s", job_class_name(f->last_class));
	buf_addf(out, " ago=%lld", seconds_since(p, f->changed_ms));
	if (f->tag[0] != '\0')
		buf_addf(out, " (%s)", f->tag);
	buf_addc(out, '\n');
}

void report_workers(const struct pool *p, bool busy_only, struct buf *out)
{
	for (int i = 0; i < pool_slots(p); i++) {
		enum worker_state state = pool_slot(p, i)->state;

		if (busy_only && state != WORKER_BUSY && state != WORKER_RETIRING)
			continue;
		if (i >= pool_max_workers(p) && pool_worker(p, i) == NULL)
			continue;
		report_slot(p, i, out);
	}
}

static void report_facts(const struct pool *p, const struct worker_facts *f, struct buf *out)
{
	bool stopped = f->state == WORKER_STOPPED;

	buf_addf(out, "Worker %d\n", f->number);
	buf_addf(out, "State %s\n", worker_state_name(f->state));
	buf_addf(out, "PID %d\n", (int)f->pid);
	buf_addf(out, "NumRequests %lu\n", f->requests);
	buf_addf(out, "NumScans %lu\n", f->scans);
	buf_addf(out, "Age %lld\n", stopped ? -1 : seconds_since(p, f->started_ms));
	buf_addf(out, "FirstReqAge %lld\n", seconds_since(p, f->first_request_ms));
	buf_addf(out, "LastStateChangeAge %lld\n", seconds_since(p, f->changed_ms));
	buf_addf(out, "StatusTag %s\n", f->tag);
}

static void report_last_words(const struct worker *w, struct buf *out)
{
	const struct tail *words = worker_last_words(w);

	for (unsigned i = TAIL_LINES; i-- > 0;) {
		if (tail_line(words, i) != NULL)
			buf_addf(out, "Stderr %s\n", tail_line(words, i));
	}
}

void report_worker(const struct pool *p, const char *number, struct buf *out)
{
	int64_t n;

	switch (number_parse(number, 0, pool_slots(p) - 1, &n)) {
	case 0:
		report_facts(p, pool_slot(p, (int)n), out);
		if (pool_worker(p, (int)n) != NULL)
			report_last_words(pool_worker(p, (int)n), out);
		break;
	case -ERANGE:
		buf_adds(out, "error: Worker number out of range\n");
		break;
	default:
		buf_adds(out, "error: Invalid worker number\n");
	}
}

void report_help(bool privileged, struct buf *out)
{
	for (size_t i = 0; i < request_table_len; i++) {
		const struct request_info *r = &request_table[i];

		if (r->help != NULL && (privileged || !r->privileged))
			buf_addf(out, "%-17s-- %s\n", r->name, r->help);
	}
}
