#include "base/log.h"
#include "proto/workdir.h"
#include "worker/interp.h"
#include "worker/results.h"
#include "worker/xs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What MIMEDefang's front end takes of a line, LF included. */
#define MAX_RESULT_LINE 16382

/* The folder whose RESULTS is meant. It is opened once and kept: where the filter has wandered since is of no
 * account. */
static int folder = -1;
static int file = -1; /* RESULTS, from the first line written on */
static bool is_open;
static pid_t owner; /* who may write: not a child that the filter makes */

static void results_close(void)
{
	if (file != -1)
		close(file);
	file = -1;
	is_open = false;
}

int results_folder(void)
{
	return folder;
}

void results_leave(void)
{
	results_close();
	if (folder != -1)
		close(folder);
	folder = -1;
}

/* results_open(dir): from now on lines go to its RESULTS. False with $! set when there is no such folder. */
static void xs_results_open(pTHX_ CV *cv)
{
	dXSARGS;

	if (items != 1)
		croak_xs_usage(cv, "dir");
	results_leave();
	folder = open(SvPV_nolen(ST(0)), O_PATH | O_DIRECTORY | O_CLOEXEC);
	is_open = folder != -1;
	owner = getpid();
	ST(0) = boolSV(is_open);
	XSRETURN(1);
}

static void xs_results_close(pTHX_ CV *cv)
{
	dXSARGS;

	if (items != 0)
		croak_xs_usage(cv, "");
	results_close();
	XSRETURN_EMPTY;
}

/* Cut an over-long line, not within the three bytes of a %XX. */
static void line_cut(struct buf *line)
{
	size_t n = MAX_RESULT_LINE - 1;

	if (line->len <= MAX_RESULT_LINE)
		return;
	log_warn("%s: RESULTS: a line of %zu bytes is cut at %d", interp_scalar("Mail::MIMEDefang::MsgID"),
		 line->len, MAX_RESULT_LINE);
	if (line->data[n - 1] == '%')
		n -= 1;
	else if (line->data[n - 2] == '%')
		n -= 2;
	line->len = n;
	buf_addc(line, '\n');
}

/* 0 or -errno. */
static int line_write(const struct buf *line)
{
	ssize_t n;

	if (file == -1)
		file = openat(folder, WORKDIR_RESULTS, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (file == -1)
		return -errno;
	n = write(file, line->data, line->len);
	if (n == -1)
		return -errno;
	return (size_t)n == line->len ? 0 : -ENOSPC;
}

/* write_result_line(letter, args..). Dies when it cannot: with the line a decision of the filter would be
 * lost, so the message has to be tried again later. In a child that the filter has made it does nothing: what
 * that decides nobody waits for. */
static void xs_write_result_line(pTHX_ CV *cv)
{
	dXSARGS;
	const char *args[WORKDIR_MAX_ARGS];
	struct buf line;
	int rc;

	if (items < 1 || items > WORKDIR_MAX_ARGS + 1)
		croak_xs_usage(cv, "letter, args..");
	if (!is_open)
		croak("a message can be changed only while it is scanned (filter_begin to filter_wrapup)");
	if (getpid() != owner)
		XSRETURN_EMPTY;
	for (int i = 1; i < items; i++)
		args[i - 1] = SvOK(ST(i)) ? SvPV_nolen(ST(i)) : NULL;
	buf_init(&line, BUF_NO_LIMIT);
	item_write(&line, *SvPV_nolen(ST(0)), args, (int)items - 1);
	line_cut(&line);
	rc = buf_error(&line) != 0 ? buf_error(&line) : line_write(&line);
	buf_free(&line);
	if (rc < 0)
		croak("cannot write RESULTS: %s", strerror(-rc));
	XSRETURN_EMPTY;
}

void xs_results_boot(pTHX)
{
	newXS("Mail::MIMEDefang::results_open", xs_results_open, __FILE__);
	newXS("Mail::MIMEDefang::results_close", xs_results_close, __FILE__);
	newXS("Mail::MIMEDefang::write_result_line", xs_write_result_line, __FILE__);
}
