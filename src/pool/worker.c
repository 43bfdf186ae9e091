#include "pool/worker_core.h"

#include "base/log.h"
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
#include <unistd.h>

#define MAX_STATUS_LINE 255

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

void worker_set_state(struct worker *w, enum worker_state to)
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

void worker_clear_deadline(struct worker *w)
{
	if (w->io != NULL)
		lineio_set_deadline(w->io, 0);
}

/* --- requests and answers --- */

/* Whether nothing it wrote is left over. */
static bool worker_is_quiet(const struct worker *w)
{
	int n = 0;

	if (lineio_has_input(w->io))
		return false;
	return ioctl(w->out_fd, FIONREAD, &n) == -1 || n == 0;
}

void worker_hang_up(struct worker *w)
{
	lineio_free(w->io);
	w->io = NULL;
}

static void out_of_step(struct worker *w, const char *how)
{
	log_warn("Worker %d (pid %d) is out of step: it %s", w->facts.known_as, (int)w->facts.pid, how);
	snprintf(w->end_text, sizeof(w->end_text), "%s", how);
	worker_end(w, ENDING_GENTLE, "Worker is out of step");
	worker_hang_up(w);
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

void worker_finish_job(struct worker *w, enum worker_outcome outcome, const char *line, size_t len)
{
	struct job *job = w->job;

	assert(job != NULL);
	w->job = NULL;
	w->facts.requests++;
	if (job->class == JOB_CLASS_SCAN)
		w->facts.scans++;
	worker_clear_deadline(w);
	w->owner->done(w, job, outcome, line, len, w->arg);
}

static void answer_take(struct worker *w, char *line, size_t len)
{
	line[len] = '\n'; /* in the place of the line's NUL */
	worker_finish_job(w, WORKER_ANSWERED, line, len + 1);
	/* What has come behind the line belongs to nobody. What lies unread is seen before the next request.
	 */
	if (lineio_has_input(w->io)) {
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
	worker_clear_deadline(w);
	if (!worker_is_quiet(w)) {
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
	else
		worker_hang_up(w);
}

static void on_overlong(struct worker *w)
{
	if (w->job != NULL)
		worker_finish_job(w, WORKER_ANSWER_TOO_LONG, "", 0);
	if (w->facts.state == WORKER_KILLED)
		worker_hang_up(w);
	else
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
	worker_finish_job(w, WORKER_ANSWERED, line, len);
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
		if (w->order != NULL)
			template_order_give_up(w->order);
		worker_end(w, ENDING_FORCED, "Start timeout");
	} else if (w->job != NULL && w->handed_over) {
		worker_finish_job(w, WORKER_TIMED_OUT, "", 0);
		worker_end(w, ENDING_FORCED, "Busy timeout");
	} else if (w->job != NULL) {
		worker_finish_job(w, WORKER_UNWRITABLE, "", 0);
		worker_end(w, ENDING_FORCED, "Error talking to worker process");
	}
}

void worker_kill_too_big(struct worker *w, const char *reason)
{
	if (w->job != NULL)
		worker_finish_job(w, WORKER_TOO_BIG, "", 0);
	worker_end(w, ENDING_AT_ONCE, reason);
}

/* End of file or an error on its standard input or output: no more requests, no more answers. */
static void on_hangup(struct worker *w, bool error)
{
	bool unwritten = error && !w->handed_over;

	worker_hang_up(w);
	if (w->job != NULL)
		worker_finish_job(w, unwritten ? WORKER_UNWRITABLE : WORKER_HUNG_UP, "", 0);
	if (w->facts.state != WORKER_KILLED)
		worker_end(w, ENDING_LOST, "Worker closed its output");
	worker_end_if_complete(w);
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

/* --- the beginning --- */

static void on_errors_closed(void *arg)
{
	worker_end_if_complete(arg);
}

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

/* Now it is known: what we wanted of it meanwhile, and whether it has ended already. */
static void on_forked(pid_t pid, const char *why, const struct tail *words, void *arg)
{
	struct worker *w = arg;

	w->order = NULL;
	if (pid <= 0) {
		if (words != NULL)
			errlog_adopt(w->err, words);
		worker_stillborn(w, why, pid < 0);
		return;
	}
	w->facts.pid = pid;
	if (w->settings->verbose)
		log_info("Worker %d has pid %d", w->facts.known_as, (int)pid);
	if (w->owed != 0)
		process_signal(pid, w->owed);
	worker_reap(w);
}

/* Order or start the process of a worker. 0 or -errno. */
static int process_begin(struct worker *w, struct templates *templates, const int fds[], int n_fds)
{
	if (templates == NULL) {
		w->facts.pid = process_start(w->settings, fds, n_fds);
		return w->facts.pid < 0 ? w->facts.pid : 0;
	}
	w->order = templates_order(templates, w->facts.generation, fds, n_fds, on_forked, w);
	return w->order == NULL ? -errno : 0;
}

/* Start the process of a worker that has everything else. 0 or -errno; what there is, worker_free() ends. */
static int worker_launch(struct worker *w, struct templates *templates)
{
	struct process_pipes pipes;
	int theirs[PROCESS_MAX_FDS], n, err;

	if ((w->step = timer_new(w->loop, worker_on_step, w)) == NULL)
		return -errno;
	if ((n = process_open_pipes(w->settings, &pipes, theirs)) < 0)
		return n;
	if ((err = pipes_attach(w, &pipes)) == 0)
		err = process_begin(w, templates, theirs, n);
	process_close(theirs, n);
	if (err < 0)
		return err;
	w->facts.started_ms = loop_now(w->loop);
	worker_set_state(w, WORKER_STARTING);
	lineio_write(w->io, "ping\n", 5);
	lineio_set_deadline(w->io, w->facts.started_ms + w->settings->start_ms);
	return 0;
}

struct worker *worker_start(struct loop *loop, const struct settings *settings, struct templates *templates,
			    int number, unsigned serial, unsigned generation,
			    const struct worker_owner *owner, void *arg)
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
	if ((err = worker_launch(w, templates)) < 0) {
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
	if (w->order != NULL)
		template_order_forget(w->order);
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
