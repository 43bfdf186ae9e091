/* run.h - one run of pmx-milter: what it was asked, by whom, and how it speaks. Results go to standard
 * output, errors and progress to standard error; --quiet leaves the errors. */
#ifndef DEFANG_PMX_RUN_H
#define DEFANG_PMX_RUN_H

#include "pmx/conf.h"
#include "pmx/options.h"
#include "pmx/status.h"

#include <stdbool.h>
#include <stdint.h>

struct run {
	const struct options *options;
	const struct conf *conf; /* may have errors: `configured' */
	bool configured;
	const char *conf_path;
	const char *run_dir;
};

void run_say(const struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void run_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line of progress, to be called often: on a terminal it is rewritten in place, else it is printed once in
 * five seconds after *told_ms. run_progress_end() before anything else is printed. */
void run_progress(const struct run *r, int64_t *told_ms, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void run_progress_end(void);

/* With --no-wait: from here on in a process of its own, which the caller does not wait for and whose errors
 * are in the journal. 0 in that process, with *aside to go on with (it points into *options, and to what
 * `r' does); 1 in ours; or -errno, which is told. */
int run_go_aside(const struct run *r, struct options *options, struct run *aside);

bool run_is_aside(void); /* whether we are that process */

/* How long a start may take: as the options say, or else so. */
int64_t run_start_seconds(const struct run *r, int64_t configured_s);

/* From now on SIGINT, SIGTERM and SIGHUP are only noted; SIGINT and SIGHUP not even that where the caller
 * ignores them (nohup(1)). */
void run_catch_signals(void);
void run_release_signals(void); /* they end us again */
void run_ignore_hangup(void);   /* a closed terminal is not to leave half of the work undone */
int run_interrupted(void);      /* the signal, or 0 */
enum status run_interrupted_status(void);

/* Wait; less when a signal comes. */
void run_pause(int64_t ms);

#endif
