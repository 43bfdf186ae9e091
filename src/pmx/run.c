#include "pmx/run.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/spawn.h"
#include "pmx/journal.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_EVERY_MS 5000
#define REWRITE_EVERY_MS 500

static volatile sig_atomic_t interrupted;
static bool line_open; /* a line of progress stands on the terminal */
static bool is_aside;  /* nobody reads what is printed */

void run_progress_end(void)
{
	if (line_open)
		fputs("\r\033[K", stderr);
	line_open = false;
}

void run_say(const struct run *r, const char *format, ...)
{
	va_list ap;

	if (r->options->quiet)
		return;
	run_progress_end();
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	fflush(stdout);
}

__attribute__((format(printf, 1, 0))) static void journal_text(const char *format, va_list ap)
{
	struct buf text;

	buf_init(&text, BUF_NO_LIMIT);
	buf_addv(&text, format, ap);
	text.data[strcspn(text.data, "\n")] = '\0';
	journal("milter %s", text.data);
	buf_free(&text);
}

void run_error(const char *format, ...)
{
	va_list ap;

	run_progress_end();
	fflush(stdout);
	va_start(ap, format);
	if (is_aside)
		journal_text(format, ap);
	else
		vfprintf(stderr, format, ap);
	va_end(ap);
}

void run_progress(const struct run *r, int64_t *told_ms, const char *format, ...)
{
	bool terminal = isatty(STDERR_FILENO);
	int64_t now = clock_mono_ms();
	va_list ap;

	if (r->options->quiet || now - *told_ms < (terminal ? REWRITE_EVERY_MS : PROGRESS_EVERY_MS))
		return;
	*told_ms = now;
	fflush(stdout);
	run_progress_end();
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	if (!terminal)
		fputc('\n', stderr);
	line_open = terminal;
}

static void on_signal(int signo)
{
	interrupted = signo;
}

void run_catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction act = { .sa_handler = on_signal }, old; /* without SA_RESTART: it ends a wait */

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 &&
		    (old.sa_handler != SIG_IGN || signals[i] == SIGTERM))
			sigaction(signals[i], &act, NULL);
	signal(SIGCHLD, SIG_DFL); /* if it was ignored there would be no exit statuses */
}

void run_release_signals(void)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	interrupted = 0;
}

void run_ignore_hangup(void)
{
	signal(SIGHUP, SIG_IGN);
}

int run_go_aside(const struct run *r, struct options *options, struct run *aside)
{
	int rc = spawn_aside();

	if (rc < 0)
		run_error("pmx-milter: cannot go on in the background: %s\n", strerror(-rc));
	if (rc != 0)
		return rc;
	is_aside = true;
	*options = *r->options;
	options->no_wait = false;
	*aside = *r;
	aside->options = options;
	return 0;
}

bool run_is_aside(void)
{
	return is_aside;
}

int64_t run_start_seconds(const struct run *r, int64_t configured_s)
{
	return r->options->timeout_s >= 0 ? r->options->timeout_s : configured_s;
}

int run_interrupted(void)
{
	return interrupted;
}

enum status run_interrupted_status(void)
{
	return interrupted == SIGINT ? STATUS_INTERRUPTED : STATUS_TERMINATED;
}

void run_pause(int64_t ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}
