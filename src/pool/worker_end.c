#include "pool/worker_core.h"

#include "base/log.h"
#include "pool/process.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* Once its process is gone, its pipes may be held open by children of it. What it wrote itself lies in them
 * already: so long we read on, and no longer. */
#define LAST_WORDS_MS 200

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
		if (w->order != NULL)
			w->owed = signo;
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
		worker_clear_deadline(w);
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

/* --- death --- */

static void complete(struct worker *w)
{
	timer_clear(w->step);
	if (w->job != NULL)
		worker_finish_job(w, WORKER_HUNG_UP, "", 0);
	if (w->facts.state != WORKER_KILLED)
		worker_set_state(w, WORKER_KILLED);
	worker_set_state(w, WORKER_STOPPED);
	w->owner->ended(w, w->arg);
}

void worker_end_if_complete(struct worker *w)
{
	if (w->reaped && w->io == NULL && errlog_is_closed(w->err))
		complete(w);
}

void worker_on_step(void *arg)
{
	struct worker *w = arg;

	if (w->reaped)
		complete(w);
	else
		end_go_on(w, true);
}

void worker_stillborn(struct worker *w, const char *how, bool killed)
{
	w->reaped = true;
	w->facts.lost |= !w->asked_to_end;
	w->facts.killed = killed && !w->asked_to_end;
	w->owner->reaped(w, w->asked_to_end, w->arg);
	if (w->end_text[0] == '\0')
		snprintf(w->end_text, sizeof(w->end_text), "%s", how);
	worker_clear_deadline(w);
	if (w->io != NULL)
		worker_hang_up(w);
	complete(w);
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

	if (w->reaped || w->order != NULL ||
	    !process_reap(w->facts.pid, unasked || w->signalled, &status, &usage))
		return;
	w->reaped = true;
	w->owner->reaped(w, !unasked, w->arg);
	w->facts.lost |= unasked;
	w->facts.killed = unasked && WIFSIGNALED(status);
	process_exit_text(status, text);
	if (w->end_text[0] == '\0')
		memcpy(w->end_text, text, sizeof(text));
	if (unasked)
		unexpected_end_log(w, text);
	else
		expected_end_log(w, status, text);
	usage_log(w, &usage);
	if (w->facts.state == WORKER_STARTING || w->facts.state == WORKER_IDLE) {
		worker_clear_deadline(w);
		worker_set_state(w, WORKER_KILLED);
	}
	timer_set(w->step, LAST_WORDS_MS);
	worker_end_if_complete(w);
}
