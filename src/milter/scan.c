#include "milter/scan.h"

#include "base/clock.h"
#include "milter/answer.h"
#include "milter/apply.h"
#include "milter/patience.h"
#include "milter/results.h"
#include "proto/workdir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUED_ENOUGH 262144 /* bytes on their way to the MTA above which no more of a body is read */

struct scan {
	struct scan_about about;
	scan_done_fn *done;
	void *arg;
	int64_t started_ms;
	struct question *question; /* NULL once answered */
	struct timer *progress;    /* runs until then; NULL when the MTA is not told */
	enum failure failure;
	struct facts facts;
	char *bytes; /* the RESULTS file, into which `results` points */
	struct results results;
	char *scanned_by;
	struct apply apply;
};

static struct who who(const struct scan *s)
{
	return message_who(s->about.message);
}

static void scan_free(struct scan *s)
{
	timer_free(s->progress);
	apply_close(&s->apply);
	results_free(&s->results);
	free(s->scanned_by);
	free(s->bytes);
	free(s);
}

/* The end */

static void end(struct scan *s, struct buf *out, enum verdict v, const struct smtp_reply *reply)
{
	struct scan_result result;

	answer_put(out, v, reply);
	conn_write(s->about.mta, out->data, out->len);
	if (s->about.site->settings->log_times)
		who_info(who(s), "Filter time is %lldms", (long long)(clock_mono_ms() - s->started_ms));
	result = (struct scan_result){ v, reply, s->failure, s->facts };
	s->done(&result, s->arg);
	scan_free(s);
}

static void end_tempfail(struct scan *s, enum failure why)
{
	struct buf out;

	s->failure = why;

	buf_init(&out, BUF_NO_LIMIT);
	end(s, &out, VERDICT_TEMPFAIL, NULL);
	buf_free(&out);
}

static void log_refusal(const struct scan *s)
{
	static const char *const doing[] = {
		[VERDICT_REJECT] = "Bouncing",
		[VERDICT_TEMPFAIL] = "Tempfailing",
		[VERDICT_DISCARD] = "Discarding",
	};
	enum verdict v = s->results.verdict;

	if (v != VERDICT_CONTINUE)
		who_debug(who(s), "%s because filter instructed us to", doing[v]);
}

/* Send what fits; when the MTA is slow, the rest follows in scan_on_drained(). */
static void send_more(struct scan *s)
{
	enum apply_state state;
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	state = apply_fill(&s->apply, &out, QUEUED_ENOUGH);
	if (state == APPLY_MORE)
		conn_write(s->about.mta, out.data, out.len);
	else if (state == APPLY_DONE) {
		log_refusal(s);
		end(s, &out, s->results.verdict, &s->results.reply);
	} else {
		who_err(who(s), "%s cannot be read: Tempfailing", WORKDIR_NEWBODY);
		buf_clear(&out);
		s->failure = FAILURE_BAD_RESULTS;
		end(s, &out, VERDICT_TEMPFAIL, NULL);
	}
	buf_free(&out);
}

void scan_on_drained(struct scan *s)
{
	if (!scan_is_asking(s))
		send_more(s);
}

/* Reading RESULTS */

/* All of the file with a NUL behind it, or NULL. */
static char *read_file(int fd, size_t size)
{
	char *bytes = malloc(size + 1);
	size_t got = 0;
	ssize_t n = 1;

	while (bytes != NULL && got < size && n > 0) {
		n = read(fd, bytes + got, size - got);
		if (n > 0)
			got += (size_t)n;
	}
	if (bytes == NULL || got < size) {
		free(bytes);
		return NULL;
	}
	bytes[size] = '\0';
	return bytes;
}

/* Open RESULTS: the descriptor and its size, or -1 with the reason logged and in *why. */
static int open_results(struct scan *s, size_t *size, enum failure *why)
{
	size_t max = (size_t)s->about.site->settings->max_results;
	int fd = message_open_file(s->about.message, WORKDIR_RESULTS, size);

	if (fd < 0) {
		who_warn(who(s), "Filter did not create RESULTS file");
		message_set_failed(s->about.message);
		*why = FAILURE_NO_RESULTS;
		return -1;
	}
	*why = FAILURE_BAD_RESULTS;
	if (*size > max) {
		who_warn(who(s), "RESULTS file is unreasonably large - %zu bytes; max is %zu bytes", *size,
			 max);
		close(fd);
		return -1;
	}
	return fd;
}

static void log_parse_error(const struct scan *s, enum results_error error)
{
	if (error == RESULTS_NO_END)
		who_err(who(s), "%s: Tempfailing", results_error_text(error));
	else
		who_warn(who(s), "%s: Tempfailing", results_error_text(error));
}

/* NONE, or the reason, which is logged. */
static enum failure read_results(struct scan *s)
{
	enum failure why = FAILURE_NONE;
	enum results_error error;
	size_t size = 0;
	int fd = open_results(s, &size, &why);

	if (fd < 0)
		return why;
	s->bytes = read_file(fd, size);
	close(fd);
	if (s->bytes == NULL) {
		who_err(who(s), "RESULTS file cannot be read: Tempfailing");
		return FAILURE_BAD_RESULTS;
	}
	error = results_parse(s->bytes, size, message_traits(s->about.message)->mime_version, &s->results);
	if (error != RESULTS_OK) {
		log_parse_error(s, error);
		return FAILURE_BAD_RESULTS;
	}
	if (s->results.n_unknown > 0)
		who_warn(who(s), "Unknown command '%c' in RESULTS file (%zu such lines)", s->results.unknown,
			 s->results.n_unknown);
	return FAILURE_NONE;
}

/* What we add ourselves to a message that goes on */

static int add_scanned_by(struct scan *s)
{
	const char *text = s->about.site->settings->scanned_by, *ip = s->about.own_ip;

	if (*text == '\0' || (s->about.agreed->actions & MILTER_F_ADDHDRS) == 0)
		return 0;
	if (asprintf(&s->scanned_by, "%s%s%s", text, *ip != '\0' ? " on " : "", ip) == -1) {
		s->scanned_by = NULL;
		return -ENOMEM;
	}
	return changes_add(&s->results.changes,
			   (struct change){ MILTER_ADDHEADER, 0, "X-Scanned-By", s->scanned_by });
}

/* From the last to the second: some MTAs number anew after each deletion. */
static int delete_content_types(struct scan *s)
{
	int n = message_traits(s->about.message)->content_types, err = 0;

	if (n > 1)
		who_warn(who(s), "WARNING: %d Content-Type headers found -- deleting all but first", n);
	for (; n > 1 && err == 0; n--)
		err = changes_add(&s->results.changes,
				  (struct change){ MILTER_CHGHEADER, (uint32_t)n, "Content-Type", "" });
	return err;
}

static int add_own_changes(struct scan *s)
{
	const struct message_traits *traits = message_traits(s->about.message);
	int err;

	if (s->results.verdict != VERDICT_CONTINUE)
		return 0;
	if ((err = add_scanned_by(s)) < 0)
		return err;
	if (traits->validated)
		err = changes_add(&s->results.changes,
				  (struct change){ MILTER_CHGHEADER, 1, s->about.site->validation_header,
						   "" });
	return err < 0 ? err : delete_content_types(s);
}

/* Judging RESULTS against what the MTA can do */

static void log_missing(const struct scan *s, uint32_t actions)
{
	struct buf names;

	buf_init(&names, BUF_NO_LIMIT);
	milter_name_actions(&names, actions);
	who_err(who(s), "the filter wants changes that the MTA does not offer: %s: %s",
		buf_error(&names) == 0 ? names.data : "-",
		s->results.verdict == VERDICT_CONTINUE ? "Tempfailing" : "left out of a refusal");
	buf_free(&names);
}

/* True when every change can be made. A refusal stands even if its quarantine cannot be had. */
static bool mta_can(struct scan *s)
{
	uint32_t missing = changes_actions(&s->results.changes) & ~s->about.agreed->actions;

	if (missing == 0)
		return true;
	log_missing(s, missing);
	if (s->results.verdict == VERDICT_CONTINUE)
		return false;
	s->results.changes.n = 0;
	return true;
}

/* 0 with *fd -1 when the body stays as it is; -1 when the new one is missing, which is logged. */
static int open_new_body(struct scan *s, int *fd)
{
	size_t size;
	int rc;

	*fd = -1;
	if ((changes_actions(&s->results.changes) & MILTER_F_CHGBODY) == 0)
		return 0;
	if ((rc = message_open_file(s->about.message, WORKDIR_NEWBODY, &size)) < 0) {
		who_warn(who(s), "Could not open %s: %s: Tempfailing", WORKDIR_NEWBODY, strerror(-rc));
		return -1;
	}
	*fd = rc;
	return 0;
}

/* NONE when all is there that the answer needs. */
static enum failure prepare(struct scan *s)
{
	enum failure why = read_results(s);
	int fd;

	if (why != FAILURE_NONE)
		return why;
	if (add_own_changes(s) < 0 || changes_settle(&s->results.changes) < 0) {
		who_err(who(s), "too many changes or out of memory: Tempfailing");
		return FAILURE_BAD_RESULTS;
	}
	if (!mta_can(s))
		return FAILURE_UNABLE_MTA;
	if (open_new_body(s, &fd) < 0)
		return FAILURE_NO_RESULTS;
	apply_init(&s->apply, &s->results.changes, fd, agreement_leads_space(s->about.agreed));
	return FAILURE_NONE;
}

static void on_scanned(enum failure failure, const struct facts *facts, void *arg)
{
	struct scan *s = arg;

	s->question = NULL;
	timer_free(s->progress);
	s->progress = NULL;
	s->facts = *facts;
	if (failure != FAILURE_NONE)
		message_set_failed(s->about.message);
	else
		failure = prepare(s);
	if (failure == FAILURE_NONE)
		send_more(s);
	else
		end_tempfail(s, failure);
}

/* The start */

static void progress_set(struct scan *s)
{
	timer_set(s->progress, patience_progress(s->about.site->settings));
}

/* The MTA's patience starts anew with it. */
static void on_progress(void *arg)
{
	struct scan *s = arg;
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	milter_put_letter(&out, MILTER_PROGRESS);
	conn_write(s->about.mta, out.data, out.len);
	buf_free(&out);
	progress_set(s);
}

/* 0 or -ENOMEM. */
static int progress_start(struct scan *s)
{
	if (!patience_allows_progress(s->about.site->settings, s->about.agreed->version))
		return 0;
	if ((s->progress = timer_new(s->about.client->loop, on_progress, s)) == NULL)
		return -ENOMEM;
	progress_set(s);
	return 0;
}

/* 0, or -1 with the reason logged. */
static int ask(struct scan *s)
{
	const struct client *client = s->about.client;
	int64_t deadline = patience_scan(s->about.site->settings, s->about.agreed->version,
					 loop_now(client->loop));

	if (progress_start(s) < 0) {
		who_err(who(s), "out of memory: message not scanned");
		return -1;
	}
	s->question = client_scan(client, who(s), message_dir(s->about.message), deadline, on_scanned, s);
	return s->question != NULL ? 0 : -1;
}

struct scan *scan_start(const struct scan_about *about, scan_done_fn *done, void *arg, enum failure *why)
{
	struct scan *s = calloc(1, sizeof(*s));
	int err = s != NULL ? message_finish(about->message) : -ENOMEM;

	if (err < 0) {
		who_err(message_who(about->message), "message not written: %s", strerror(-err));
		free(s);
		*why = fate_failure_of(err);
		return NULL;
	}
	s->about = *about;
	s->done = done;
	s->arg = arg;
	s->started_ms = clock_mono_ms();
	changes_init(&s->results.changes);
	apply_init(&s->apply, &s->results.changes, -1, false);
	if (ask(s) < 0) {
		message_set_failed(about->message);
		scan_free(s);
		*why = FAILURE_NOT_ASKED;
		return NULL;
	}
	return s;
}

bool scan_is_asking(const struct scan *s)
{
	return s->question != NULL;
}

void scan_cancel(struct scan *s)
{
	if (s == NULL)
		return;
	question_cancel(s->question);
	scan_free(s);
}
