#include "milter/status_report.h"

#include "base/procfs.h"
#include "proto/snapshot.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static_assert(SNAPSHOT_STAGES >= PHASES && SNAPSHOT_FAILURES >= FAILURES && SNAPSHOT_CLASSES > PHASES &&
		      SNAPSHOT_RANGES >= LATENCY_RANGES,
	      "they go together");

/* Open descriptors of this process. */
static int64_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	int64_t n = -1; /* the folder's own */

	if (dir == NULL)
		return SNAPSHOT_NONE;
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static int64_t fds_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (int64_t)limit.rlim_cur : SNAPSHOT_NONE;
}

static void add_frontend(struct buf *out, const struct status_report *r)
{
	const struct figures *f = r->figures;
	struct procfs_facts proc = { .start = SNAPSHOT_NONE };
	struct snapshot_frontend s = {
		.version = DEFANG_VERSION,
		.pid = getpid(),
		.uptime_s = r->uptime_ms / 1000,
		.loops = r->loops,
		.sessions = figures_read(&f->sessions),
		.sessions_peak = figures_read(&f->sessions_peak),
		.sessions_total = figures_read(&f->sessions_total),
		.sessions_refused = figures_read(&f->sessions_refused),
		.sessions_limit = r->sessions_limit,
		.asked = figures_read(&f->asked),
		.withdrawn = figures_read(&f->withdrawn),
		.fds = count_fds(),
		.fds_limit = fds_limit(),
	};

	procfs_read(getpid(), &proc);
	s.start = proc.start;
	snprintf(s.state, sizeof(s.state), "%s", r->state);
	snapshot_add_frontend(out, &s);
}

static void add_messages(struct buf *out, const struct figures *f)
{
	struct snapshot_messages s = {
		.accept = figures_read(&f->fates[FATE_ACCEPT]),
		.reject = figures_read(&f->fates[FATE_REJECT]),
		.tempfail = figures_read(&f->fates[FATE_TEMPFAIL]),
		.discard = figures_read(&f->fates[FATE_DISCARD]),
		.aborted = figures_read(&f->fates[FATE_ABORTED]),
		.lost = figures_read(&f->fates[FATE_LOST]),
	};

	snapshot_add_messages(out, &s);
}

static void add_answers(struct buf *out, const figure answers[VERDICTS], enum phase phase)
{
	struct snapshot_answers s = {
		.go_on = figures_read(&answers[VERDICT_CONTINUE]),
		.reject = figures_read(&answers[VERDICT_REJECT]),
		.tempfail = figures_read(&answers[VERDICT_TEMPFAIL]),
		.accept = figures_read(&answers[VERDICT_ACCEPT]),
		.discard = figures_read(&answers[VERDICT_DISCARD]),
	};

	snprintf(s.stage, sizeof(s.stage), "%s", phase_name(phase));
	snapshot_add_answers(out, &s);
}

static void add_latency(struct buf *out, const struct figures_latency *l, const char *class)
{
	struct snapshot_latency s = {
		.finished = figures_read(&l->finished),
		.run_ms = figures_read(&l->sum_ms),
		.n_ranges = LATENCY_RANGES,
	};

	snprintf(s.class, sizeof(s.class), "%s", class);
	for (int i = 0; i < LATENCY_RANGES; i++) {
		int64_t bound = latency_bound(i);

		s.ranges[i].bound_ms = bound == LATENCY_NO_BOUND ? SNAPSHOT_NONE : bound;
		s.ranges[i].count = figures_read(&l->ranges[i]);
	}
	snapshot_add_latency(out, &s);
}

static void add_failure(struct buf *out, enum failure failure, int64_t count)
{
	struct snapshot_failure s = { .count = count };

	snprintf(s.cause, sizeof(s.cause), "%s", fate_failure_name(failure));
	snapshot_add_failure(out, &s);
}

void status_report(struct buf *out, const struct status_report *r)
{
	const struct figures *f = r->figures;

	snapshot_add_head(out);
	add_frontend(out, r);
	add_messages(out, f);
	for (int i = 0; i < PHASES; i++)
		add_answers(out, f->answers[i], (enum phase)i);
	for (int i = 0; i < PHASES; i++)
		add_latency(out, &f->phases[i], phase_name((enum phase)i));
	add_latency(out, &f->controller, "controller");
	for (int i = FAILURE_NONE + 1; i < FAILURES; i++)
		add_failure(out, (enum failure)i, figures_read(&f->failures[i]));
	snapshot_add_end(out);
}
