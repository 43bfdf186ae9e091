#include "pool/worker.h"

#include "base/lineio.h"
#include "base/log.h"
#include "pool/errlog.h"
#include "pool/process.h"
#include "proto/percent.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Once its process is gone, its pipes may be held open by children of it. What it wrote itself lies in them
 * already: so long we read on, and no longer. */
#define LAST_WORDS_MS 200

#define MAX_STATUS_LINE 255

struct worker {
	struct worker_facts facts;
	struct loop *loop;
	const struct settings *settings;
	const struct worker_owner *owner;
	void *arg;

	struct lineio *io; /* its standard input and output; NULL once it has hung up */
	int out_fd;        /* the reading end in `io` */
	struct errlog *err;
	struct lineio *status;

	struct job *job;
	bool handed_over;       /* the request has been written */
	char retire_reason[80]; /* while RETIRING */

	bool asked_to_end; /* by us: its end is no surprise */
	bool signalled;    /* it has had its SIGTERM */
	struct ending_plan plan;
	struct timer *step; /* the next of the plan; after its death the end of the last words */

	bool reaped;
	char end_text[80]; /* why, or how, it ended */
};

static const bool moves[WORKER_STATES][WORKER_STATES] = {
	[WORKER_STOPPED] = { [WORKER_STARTING] = true },
	[WORKER_STARTING] = { [WORKER_IDLE] = true, [WORKER_KILLED] = true },
	[WORKER_IDLE] = { [WORKER_BUSY] = true, [WORKER_KILLED] = true },
	[WORKER_BUSY] = { [WORKER_IDLE] = true, [WORKER_RETIRING] = true, [WORKER_KILLED] = true },
	[WORKER_RETIRING] = { [WORKER_KILLED] = true },
	[WORKER_KILLED] = { [WORKER_STOPPED] = true },
};

const char *worker_state_name(enum worker_state s)
{
	static const char *const names[] = {
		[WORKER_STOPPED] = "Stopped", [WORKER_STARTING] = "Starting", [WORKER_IDLE] = "Idle",
		[WORKER_BUSY] = "Busy",       [WORKER_RETIRING] = "Retiring", [WORKER_KILLED] = "Killed",
	};

	return names[s];
}

/* The one place where a state changes. */
static void worker_set_state(struct worker *w, enum worker_state to)
{
	enum worker_state from = w->facts.state;

	assert(moves[from][to]);
	w->facts.state = to;
	w->facts.changed_ms = loop_now(w->loop);
	if (to != WORKER_RETIRING) {
		w->facts.tag[0] = w->facts.queue_id[0] = w->facts.domain[0] = '\0';
		w->facts.class = JOB_CLASS_UNSET;
	}
	w->owner->changed(w, from, to, w->arg);
}

static void deadline_clear(struct worker *w)
{
	if (w->io != NULL)
		lineio_set_deadline(w->io, 0);
}

/* --- the end --- */

static int64_t seconds_since(const struct worker *w, int64_t ms)
{
	return ms < 0 ? -1 : (loop_now(w->loop) - ms) / 1000;
}

static void end_log(const struct worker *w, enum ending how, const char *reason)
{
	const struct worker_facts *f = &w->facts;

	if (!w->settings->verbose || how == ENDING_LOST)
		return;
	log_info("Killing %s worker %d (pid %d) req=%lu age=%lld req_age=%lld: %s",
		 f->state == WORKER_BUSY || f->state == WORKER_RETIRING ? "busy" : "idle", f->known_as,
		 (int)f->pid, f->requests, (long long)seconds_since(w, f->started_ms),
		 (long long)seconds_since(w, f->first_request_ms), reason);
}

static void signal_log(const struct worker *w, int signo)
{
	if (!w->settings->verbose)
		return;
	if (signo == SIGTERM)
		log_info("Worker %d (pid %d) taking too long to exit; sending SIGTERM", w->facts.known_as,
			 (int)w->facts.pid);
	else
		log_info("Worker %d (pid %d) taking way too long to exit; sending SIGKILL", w->facts.known_as,
			 (int)w->facts.pid);
}

/* Send what is due; `late`: it has had time to go by itself. */
static void end_go_on(struct worker *w, bool late)
{
	int64_t now = loop_now(w->loop), next;
	int signo;

	if ((signo = ending_due(&w->plan, now)) != 0) {
		w->signalled = w->asked_to_end = true;
		if (late)
			signal_log(w, signo);
		process_signal(w->facts.pid, signo);
	}
	if ((next = ending_next(&w->plan)) != ENDING_NEVER)
		timer_set(w->step, next - now);
}

static void end_begin(struct worker *w, enum ending how)
{
	if (w->reaped)
		return;
	ending_plan(&w->plan, how, loop_now(w->loop));
	if (how != ENDING_LOST) {
		w->asked_to_end = true;
		process_signal(w->facts.pid, SIGCONT);
		if (w->io != NULL)
			lineio_end_output(w->io);
	}
	end_go_on(w, false);
}

static void killed(struct worker *w, enum ending how, const char *reason)
{
	snprintf(w->facts.why, sizeof(w->facts.why), "%s", reason);
	worker_set_state(w, WORKER_KILLED);
	if (how != ENDING_LOST)
		w->owner->ending(w, reason, w->arg);
}

void worker_end(struct worker *w, enum ending how, const char *reason)
{
	w->facts.forced |= how == ENDING_FORCED ||
			   how == ENDING_AT_ONCE; /* whoever hears of the change sees why */
	w->facts.lost |= how == ENDING_LOST;
	switch (w->facts.state) {
	case WORKER_STOPPED:
		return;
	case WORKER_BUSY:
	case WORKER_RETIRING:
		end_log(w, how, reason);
		if (w->job == NULL) {
			killed(w, how, reason);
		} else {
			assert(how == ENDING_SHUTDOWN);
			worker_retire(w, reason);
		}
		break;
	case WORKER_STARTING:
	case WORKER_IDLE:
		end_log(w, how, reason);
		deadline_clear(w);
		killed(w, how, reason);
		break;
	default:
		break;
	}
	end_begin(w, how);
}

void worker_retire(struct worker *w, const char *reason)
{
	snprintf(w->retire_reason, sizeof(w->retire_reason), "%s", reason);
	snprintf(w->facts.why, sizeof(w->facts.why), "%s", reason);
	if (w->facts.state != WORKER_RETIRING)
		worker_set_state(w, WORKER_RETIRING);
}

/* --- requests and answers --- */

/* Whether nothing it wrote lies unread. */
static bool worker_is_quiet(const struct worker *w)
{
	int n = 0;

	return ioctl(w->out_fd, FIONREAD, &n) == -1 || n == 0;
}

static void out_of_step(struct worker *w, const char *how)
{
	log_warn("Worker %d (pid %d) is out of step: it %s", w->facts.known_as, (int)w->facts.pid, how);
	snprintf(w->end_text, sizeof(w->end_text), "%s", how);
	worker_end(w, ENDING_GENTLE, "Worker is out of step");
}

bool worker_give(struct worker *w, struct job *job)
{
	struct worker_facts *f = &w->facts;

	assert(f->state == WORKER_IDLE);
	if (!worker_is_quiet(w)) {
		out_of_step(w, "wrote without being asked");
		return false;
	}
	w->job = job;
	w->handed_over = false;
	worker_set_state(w, WORKER_BUSY);
	f->class = job->class;
	f->given_ms = loop_now(w->loop);
	if (job->class >= 0)
		f->last_class = job->class;
	if (f->first_request_ms < 0)
		f->first_request_ms = loop_now(w->loop);
	memcpy(f->tag, job->tag, sizeof(f->tag));
	memcpy(f->queue_id, job->queue_id, sizeof(f->queue_id));
	memcpy(f->domain, job->domain, sizeof(f->domain));
	lineio_write(w->io, job->line, job->len);
	lineio_set_deadline(w->io, loop_now(w->loop) + w->settings->client_ms);
	return true;
}

/* The job is over, and is its owner's again. The worker stays busy until the caller has decided what next. */
static void job_finish(struct worker *w, enum worker_outcome outcome, const char *line, size_t len)
{
	struct job *job = w->job;

	assert(job != NULL);
	w->job = NULL;
	w->facts.requests++;
	if (job->class == JOB_CLASS_SCAN)
		w->facts.scans++;
	deadline_clear(w);
	w->owner->done(w, job, outcome, line, len, w->arg);
}

static void answer_take(struct worker *w, char *line, size_t len)
{
	line[len] = '\n'; /* in the place of the line's NUL */
	job_finish(w, WORKER_ANSWERED, line, len + 1);
	/* What has come behind the line belongs to nobody. */
	if (lineio_discard_input(w->io) > 0 || !worker_is_quiet(w)) {
		out_of_step(w, "wrote more than one line in answer");
	} else if (w->facts.state == WORKER_RETIRING) {
		worker_end(w, ENDING_GENTLE, w->retire_reason);
	} else {
		worker_set_state(w, WORKER_IDLE);
		w->owner->idle(w, w->arg);
	}
}

static void ping_answered(struct worker *w)
{
	deadline_clear(w);
	if (lineio_discard_input(w->io) > 0 || !worker_is_quiet(w)) {
		out_of_step(w, "wrote more than one line in answer");
		return;
	}
	w->facts.was_ready = true;
	worker_set_state(w, WORKER_IDLE);
	w->owner->idle(w, w->arg);
}

static void on_line(struct worker *w)
{
	size_t len;
	char *line = lineio_line(w->io, &len);

	if (w->facts.state == WORKER_STARTING)
		ping_answered(w);
	else if (w->job != NULL)
		answer_take(w, line, len);
	else if (w->facts.state == WORKER_IDLE)
		out_of_step(w, "wrote without being asked");
}

static void on_overlong(struct worker *w)
{
	if (w->job != NULL)
		job_finish(w, WORKER_ANSWER_TOO_LONG, "", 0);
	if (w->facts.state != WORKER_KILLED)
		out_of_step(w, "wrote an endless line");
}

/* An answer cut short by the end of the output is passed on as it is; that its LF lacks tells the client.
 * Unless it was us who cut it. */
static void on_partial(struct worker *w)
{
	size_t len;
	char *line = lineio_line(w->io, &len);

	if (w->job == NULL || w->asked_to_end)
		return;
	job_finish(w, WORKER_ANSWERED, line, len);
	worker_end(w, ENDING_LOST, "Worker closed its output");
}

static void on_written(struct worker *w)
{
	if (w->job == NULL || w->handed_over)
		return;
	w->handed_over = true;
	lineio_set_deadline(w->io, loop_now(w->loop) + w->settings->busy_ms);
}

static void on_deadline(struct worker *w)
{
	if (w->facts.state == WORKER_STARTING) {
		snprintf(w->end_text, sizeof(w->end_text), "did not answer within %lld seconds of its start",
			 (long long)w->settings->start_ms / 1000);
		log_err("Worker %d (pid %d) %s", w->facts.known_as, (int)w->facts.pid, w->end_text);
		worker_end(w, ENDING_FORCED, "Start timeout");
	} else if (w->job != NULL && w->handed_over) {
		job_finish(w, WORKER_TIMED_OUT, "", 0);
		worker_end(w, ENDING_FORCED, "Busy timeout");
	} else if (w->job != NULL) {
		job_finish(w, WORKER_UNWRITABLE, "", 0);
		worker_end(w, ENDING_FORCED, "Error talking to worker process");
	}
}

void worker_kill_too_big(struct worker *w, const char *reason)
{
	if (w->job != NULL)
		job_finish(w, WORKER_TOO_BIG, "", 0);
	worker_end(w, ENDING_AT_ONCE, reason);
}

static void end_if_complete(struct worker *w);

/* End of file or an error on its standard input or output: no more requests, no more answers. */
static void on_hangup(struct worker *w, bool error)
{
	bool unwritten = error && !w->handed_over;

	lineio_free(w->io);
	w->io = NULL;
	if (w->job != NULL)
		job_finish(w, unwritten ? WORKER_UNWRITABLE : WORKER_HUNG_UP, "", 0);
	if (w->facts.state != WORKER_KILLED)
		worker_end(w, ENDING_LOST, "Worker closed its output");
	end_if_complete(w);
}

static void on_io(struct lineio *io, enum lineio_event event, void *arg)
{
	switch (event) {
	case LINEIO_LINE:
		on_line(arg);
		break;
	case LINEIO_OVERLONG:
		on_overlong(arg);
		break;
	case LINEIO_PARTIAL:
		on_partial(arg);
		break;
	case LINEIO_DRAINED:
		on_written(arg);
		break;
	case LINEIO_TIMEOUT:
		on_deadline(arg);
		break;
	case LINEIO_EOF:
		on_hangup(arg, false);
		break;
	case LINEIO_ERROR:
		on_hangup(arg, true);
		break;
	}
}

/* --- status --- */

static void status_line(struct worker *w, char *line)
{
	size_t n = 0;

	if (w->job == NULL)
		return;
	percent_decode(line);
	for (; n < sizeof(w->facts.tag) - 1 && line[n] != '\0'; n++)
		w->facts.tag[n] = isprint((unsigned char)line[n]) ? line[n] : ' ';
	w->facts.tag[n] = '\0';
	w->owner->tagged(w, w->arg);
}

static void on_status(struct lineio *io, enum lineio_event event, void *arg)
{
	struct worker *w = arg;

	if (event == LINEIO_LINE || event == LINEIO_OVERLONG) {
		status_line(w, lineio_line(io, NULL));
	} else if (event == LINEIO_EOF || event == LINEIO_ERROR) {
		lineio_free(w->status);
		w->status = NULL;
	}
}

/* --- death --- */

static void complete(struct worker *w)
{
	timer_clear(w->step);
	if (w->job != NULL)
		job_finish(w, WORKER_HUNG_UP, "", 0);
	if (w->facts.state != WORKER_KILLED)
		worker_set_state(w, WORKER_KILLED);
	worker_set_state(w, WORKER_STOPPED);
	w->owner->ended(w, w->arg);
}

/* It is gone when it has been waited for and has had its last words. */
static void end_if_complete(struct worker *w)
{
	if (w->reaped && w->io == NULL && errlog_is_closed(w->err))
		complete(w);
}

static void on_errors_closed(void *arg)
{
	end_if_complete(arg);
}

static void on_step(void *arg)
{
	struct worker *w = arg;

	if (w->reaped)
		complete(w);
	else
		end_go_on(w, true);
}

static void usage_log(const struct worker *w, const struct rusage *u)
{
	if (!w->settings->verbose)
		return;
	log_info("Worker %d resource usage: req=%lu, scans=%lu, user=%ld.%03ld, sys=%ld.%03ld, nswap=%ld, "
		 "majflt=%ld, minflt=%ld, maxrss=%ld, bi=%ld, bo=%ld",
		 w->facts.known_as, w->facts.requests, w->facts.scans, (long)u->ru_utime.tv_sec,
		 (long)u->ru_utime.tv_usec / 1000, (long)u->ru_stime.tv_sec, (long)u->ru_stime.tv_usec / 1000,
		 u->ru_nswap, u->ru_majflt, u->ru_minflt, u->ru_maxrss, u->ru_inblock, u->ru_oublock);
}

static void expected_end_log(const struct worker *w, int status, const char *text)
{
	bool ours = WIFSIGNALED(status) && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGKILL);

	if (w->settings->verbose)
		log_debug("Reap: worker %d (pid %d) %s", w->facts.known_as, (int)w->facts.pid,
			  ours ? "exited due to SIGTERM/SIGKILL as expected." : text);
}

static void unexpected_end_log(const struct worker *w, const char *text)
{
	if (w->settings->verbose)
		log_err("Reap: worker %d (pid %d) %s (WORKER DIED UNEXPECTEDLY)", w->facts.known_as,
			(int)w->facts.pid, text);
	log_err("Worker %d died prematurely -- check your filter rules%s", w->facts.known_as,
		w->settings->verbose ? ""
				     : " and use the '-l' flag on mimedefang-multiplexor to see Perl error "
				       "messages");
}

void worker_reap(struct worker *w)
{
	bool unasked = !w->asked_to_end;
	char text[PROCESS_TEXT_MAX];
	struct rusage usage;
	int status;

	if (w->reaped || !process_reap(w->facts.pid, unasked || w->signalled, &status, &usage))
		return;
	w->reaped = true;
	w->owner->reaped(w, !unasked, w->arg);
	w->facts.lost |= unasked;
	process_exit_text(status, text);
	if (w->end_text[0] == '\0')
		memcpy(w->end_text, text, sizeof(text));
	if (unasked)
		unexpected_end_log(w, text);
	else
		expected_end_log(w, status, text);
	usage_log(w, &usage);
	if (w->facts.state == WORKER_STARTING || w->facts.state == WORKER_IDLE) {
		deadline_clear(w);
		worker_set_state(w, WORKER_KILLED);
	}
	timer_set(w->step, LAST_WORDS_MS);
	end_if_complete(w);
}

/* --- the beginning --- */

static void fd_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* Give the pipes to line connections. On an error those not yet given are closed. 0 or -errno. */
static int pipes_attach(struct worker *w, struct process_pipes *p)
{
	int err = 0;

	if ((w->io = lineio_new(w->loop, p->out, p->in, WORKER_MAX_ANSWER, on_io, w)) == NULL)
		goto fail;
	w->out_fd = p->out;
	p->out = p->in = -1;
	if ((w->err = errlog_new(w->loop, p->err, w->settings->verbose, &w->facts, on_errors_closed, w)) ==
	    NULL)
		goto fail;
	p->err = -1;
	if (p->status != -1 &&
	    (w->status = lineio_new(w->loop, p->status, -1, MAX_STATUS_LINE, on_status, w)) == NULL)
		goto fail;
	return 0;
fail:
	err = -errno;
	fd_close(&p->in);
	fd_close(&p->out);
	fd_close(&p->err);
	fd_close(&p->status);
	return err;
}

/* Start the process of a worker that has everything else. 0 or -errno; what there is, worker_free() ends. */
static int worker_launch(struct worker *w)
{
	struct process_pipes pipes;
	pid_t pid;
	int err;

	if ((w->step = timer_new(w->loop, on_step, w)) == NULL)
		return -errno;
	if ((pid = process_start(w->settings, &pipes)) < 0)
		return pid;
	if ((err = pipes_attach(w, &pipes)) < 0) {
		process_destroy(pid);
		return err;
	}
	w->facts.pid = pid;
	w->facts.started_ms = loop_now(w->loop);
	worker_set_state(w, WORKER_STARTING);
	lineio_write(w->io, "ping\n", 5);
	lineio_set_deadline(w->io, w->facts.started_ms + w->settings->start_ms);
	return 0;
}

struct worker *worker_start(struct loop *loop, const struct settings *settings, int number, unsigned serial,
			    unsigned generation, const struct worker_owner *owner, void *arg)
{
	struct worker *w = calloc(1, sizeof(*w));
	int err;

	if (w == NULL)
		return NULL;
	w->facts = (struct worker_facts){
		.number = number,
		.known_as = number,
		.pid = -1,
		.serial = serial,
		.generation = generation,
		.class = JOB_CLASS_UNSET,
		.last_class = JOB_CLASS_UNSET,
		.first_request_ms = -1,
	};
	w->loop = loop;
	w->settings = settings;
	w->owner = owner;
	w->arg = arg;
	w->plan = ENDING_NO_PLAN;
	if ((err = worker_launch(w)) < 0) {
		worker_free(w);
		errno = -err;
		return NULL;
	}
	return w;
}

void worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	if (w->facts.pid > 0 && !w->reaped)
		process_signal(w->facts.pid, SIGKILL);
	lineio_free(w->io);
	errlog_free(w->err);
	lineio_free(w->status);
	timer_free(w->step);
	job_free(w->job);
	free(w);
}

void worker_set_number(struct worker *w, int number)
{
	w->facts.number = number;
	if (number < (int)w->settings->max_workers)
		w->facts.known_as = number;
}

void worker_note_rss(struct worker *w, int64_t kb)
{
	if (kb > w->facts.rss_kb)
		w->facts.rss_kb = kb;
}

const struct worker_facts *worker_facts(const struct worker *w)
{
	return &w->facts;
}

const struct tail *worker_last_words(const struct worker *w)
{
	return errlog_tail(w->err);
}

const char *worker_end_text(const struct worker *w)
{
	return w->end_text;
}
