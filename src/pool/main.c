/* mimedefang-multiplexor - the controller of a pool of filter workers. */
#include "base/activation.h"
#include "base/daemon.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/rights.h"
#include "base/sdnotify.h"
#include "base/self.h"
#include "pool/announce.h"
#include "pool/pool.h"
#include "pool/reload.h"
#include "pool/settings.h"
#include "pool/sockets.h"
#include "pool/stats.h"
#include "pool/tick.h"
#include "pool/trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define PROGRAM "mimedefang-multiplexor"
#define SPARE_DESCRIPTORS 100 /* sockets, files, and clients that ask for no worker */

struct controller {
	const struct settings *settings;
	int pid_fd; /* -1 without a pid file */
	int lock_fd;
	struct loop *loop;
	struct pool *pool;
	struct trace *trace; /* of -A and -d */
	struct stats *stats;
	struct activation passed; /* sockets of the service manager */
	struct sockets *sockets;
	struct ticks *ticks; /* of -X */
	struct announce *announce;
};

/* --- signals --- */

static void on_stopped(void *arg)
{
	struct controller *c = arg;

	loop_stop(c->loop);
}

static void on_term(int signo, void *arg)
{
	struct controller *c = arg;

	if (c->settings->verbose)
		log_info("Received SIGTERM: Stopping workers and terminating");
	announce_stopping(c->announce);
	sockets_close(c->sockets);
	ticks_stop(c->ticks);
	pool_stop(c->pool, on_stopped, c);
}

static void on_child(int signo, void *arg)
{
	struct controller *c = arg;

	pool_reap(c->pool);
}

static void on_reread_done(const char *reply, void *arg)
{
	/* The reload has logged it. */
}

static void on_interrupt(int signo, void *arg)
{
	struct controller *c = arg;

	if (reload_request(pool_reload(c->pool), on_reread_done, NULL) == NULL)
		log_err("Reread failed: %s", strerror(errno));
}

static void on_hangup(int signo, void *arg)
{
	struct controller *c = arg;

	if (c->settings->verbose)
		log_info("Received SIGHUP: Reopening the statistics file%s",
			 c->settings->preload ? ", rereading the filter" : "");
	stats_reopen(c->stats);
	if (c->settings->preload)
		on_interrupt(signo, arg);
}

static int signals_catch(struct controller *c)
{
	static const struct {
		int signo;
		void (*cb)(int signo, void *arg);
	} caught[] = {
		{ SIGTERM, on_term },
		{ SIGCHLD, on_child },
		{ SIGINT, on_interrupt },
		{ SIGHUP, on_hangup },
	};
	int err;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ,
	       SIG_IGN); /* a limit on the size of files: writing statistics fails, which is enough */
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		if ((err = loop_signal(c->loop, caught[i].signo, caught[i].cb, c)) < 0)
			return err;
	}
	return 0;
}

/* --- the daemon --- */

static int lock_take(struct controller *c)
{
	const char *path = c->settings->lockfile;

	if (path == NULL || (c->lock_fd = lockfile_take(path, c->settings->group_access)) >= 0)
		return 0;
	if (c->lock_fd == -EAGAIN) {
		daemon_fail(EX_TEMPFAIL, "Cannot lock lockfile %s: Is another copy running?", path);
		return EX_TEMPFAIL;
	}
	daemon_fail(EX_CANTCREAT, "Could not lock lockfile %s: %s", path, strerror(-c->lock_fd));
	return EX_CANTCREAT;
}

static int pid_write(const struct controller *c)
{
	int err = c->pid_fd == -1 ? 0 : pidfile_write(c->pid_fd);

	if (err == 0)
		return 0;
	daemon_fail(EX_IOERR, "Cannot write pid file %s: %s", c->settings->pidfile, strerror(-err));
	return EX_IOERR;
}

/* The first to observe the pool: its lines come before what follows from an event. */
static int trace_begin(struct controller *c)
{
	const struct settings *s = c->settings;

	if ((s->log_choices || s->debug) && (c->trace = trace_new(c->pool, s->log_choices, s->debug)) == NULL)
		return -errno;
	return 0;
}

static int loop_and_pool_make(struct controller *c)
{
	int err = 0;

	if ((c->loop = loop_new()) == NULL || (c->pool = pool_new(c->loop, c->settings)) == NULL)
		err = -errno;
	else if ((err = trace_begin(c)) == 0 && (err = signals_catch(c)) == 0)
		err = (c->announce = announce_new(c->loop, c->pool)) != NULL ? 0 : -errno;
	if (err == 0)
		return 0;
	daemon_fail(EX_OSERR, "Cannot make the event loop: %s", strerror(-err));
	return EX_OSERR;
}

static int stats_begin(struct controller *c)
{
	int err = stats_open(c->loop, c->pool, c->settings, &c->stats);

	if (err == 0)
		return 0;
	if (c->settings->stats_file != NULL)
		daemon_fail(EX_CANTCREAT, "Option -t: %s: %s", c->settings->stats_file, strerror(-err));
	else
		daemon_fail(EX_OSERR, "Cannot begin statistics: %s", strerror(-err));
	return EX_CANTCREAT;
}

/* Workers need a descriptor each for standard input, output and error and for their status; so does whoever
 * waits for one. */
static void descriptors_check(const struct settings *s)
{
	int64_t needed = 4 * 2 * s->max_workers + s->max_workers + s->queue_limit + SPARE_DESCRIPTORS;

	if (needed > descriptors_limit())
		daemon_warn(
			"%lld workers and a queue of %lld may need %lld open files, but the limit is %lld",
			(long long)s->max_workers, (long long)s->queue_limit, (long long)needed,
			(long long)descriptors_limit());
}

static void settings_log(const struct settings *s)
{
	if (s->verbose)
		log_info("started; minWorkers=%lld, maxWorkers=%lld, maxRequests=%lld, maxLifetime=%lld, "
			 "maxIdleTime=%lld, busyTimeout=%lld, clientTimeout=%lld",
			 (long long)s->min_workers, (long long)s->max_workers, (long long)s->max_requests,
			 (long long)s->lifetime_ms / 1000, (long long)s->idle_ms / 1000,
			 (long long)s->busy_ms / 1000, (long long)s->client_ms / 1000);
}

static int ticks_begin(struct controller *c)
{
	const struct settings *s = c->settings;

	if (s->tick_ms > 0 &&
	    (c->ticks = ticks_new(c->loop, c->pool, (int)s->parallel_ticks, s->tick_ms)) == NULL) {
		daemon_fail(EX_OSERR, "Cannot make the timers of -X: %s", strerror(errno));
		return EX_OSERR;
	}
	return 0;
}

/* All that needs to be in the process that stays. The lock comes before what it protects. A sysexits status.
 */
static int controller_run(struct controller *c)
{
	int status, err;

	if ((status = lock_take(c)) != 0 || (status = pid_write(c)) != 0 ||
	    (status = loop_and_pool_make(c)) != 0 || (status = stats_begin(c)) != 0 ||
	    (status = sockets_open(c->loop, c->pool, c->settings, &c->passed, &c->sockets)) != 0 ||
	    (status = ticks_begin(c)) != 0)
		return status;
	settings_log(c->settings);
	descriptors_check(c->settings);
	pool_begin(c->pool);
	daemon_ready();
	announce_ready(c->announce);
	if ((err = loop_run(c->loop)) < 0) {
		log_err("stopped: %s", strerror(-err));
		return EX_OSERR;
	}
	return 0;
}

/* A second SIGTERM must not cut the clean-up short, now that the loop no longer catches it. */
static void signals_block(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

static void controller_free(struct controller *c)
{
	sockets_hang_up(c->sockets);
	ticks_free(c->ticks);
	pool_free(c->pool);
	sockets_free(c->sockets);
	announce_free(c->announce);
	trace_free(c->trace);
	stats_close(c->stats);
	loop_free(c->loop);
	if (c->lock_fd >= 0) {
		if (c->pid_fd != -1)
			pidfile_remove(c->settings->pidfile, c->pid_fd);
		lockfile_remove(c->settings->lockfile, c->lock_fd);
	}
}

/* --- the start --- */

static int fail(int status, const char *text)
{
	fprintf(stderr, "%s: %s\n", PROGRAM, text);
	return status;
}

static int fail_errno(int status, const char *what, const char *name, int err)
{
	fprintf(stderr, "%s: %s(%s): %s\n", PROGRAM, what, name, strerror(err));
	return status;
}

static int rights_give_up(const struct settings *s)
{
	struct rights rights = { .name = NULL };
	int err = 0;

	if (s->user != NULL && (err = rights_find(s->user, &rights)) < 0) {
		fprintf(stderr, "%s: Unknown user '%s'\n", PROGRAM, s->user);
		return EX_NOUSER;
	}
	if (s->user != NULL)
		err = rights_drop(&rights);
	rights_free(&rights);
	if (err < 0)
		return fail_errno(EX_NOPERM, "Unable to become user", s->user, -err);
	if (rights_are_root()) {
		fprintf(stderr, "ERROR: You must not run mimedefang-multiplexor as root.\n"
				"Use the -U option to name a user that it is to run as.\n");
		return EX_USAGE;
	}
	return 0;
}

/* What the service manager has put into our environment: before a fork, and not for the workers. */
static int hear_manager(struct controller *c)
{
	int err = activation_take(&c->passed);

	if (err < 0)
		return fail_errno(EX_USAGE, "Bad sockets from the service manager", "LISTEN_FDS", -err);
	if ((err = sdnotify_open()) < 0)
		return fail_errno(EX_USAGE, "Cannot reach the service manager", "NOTIFY_SOCKET", -err);
	return 0;
}

/* Everything that may still be said to the terminal directly, and what needs root. */
static int prepare(struct settings *s, struct controller *c)
{
	int status = hear_manager(c);

	if (status != 0)
		return status;
	if (s->program == NULL && (s->program = self_path("bin/mimedefang.pl")) == NULL)
		return fail(EX_OSERR, strerror(errno));
	if (s->user == NULL && rights_are_root())
		return rights_give_up(s);
	if (s->pidfile != NULL && (c->pid_fd = pidfile_open(s->pidfile)) < 0) {
		status = fail_errno(EX_CANTCREAT, "Unable to open pid file", s->pidfile, -c->pid_fd);
		c->pid_fd = -1;
		return status;
	}
	if ((status = rights_give_up(s)) != 0)
		return status;
	if (chdir(s->spool) == -1)
		return fail_errno(EX_NOINPUT, "Unable to chdir", s->spool, errno);
	umask(s->group_access ? 027 : 077);
	return 0;
}

/* What workers have to know of our settings: mimedefang-protocol(7). */
static int tell_workers(const struct settings *s)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)s->busy_ms);
	return setenv("DEFANG_BUSY_MS", text, 1) == -1 ? -errno : 0;
}

static int start(struct settings *s)
{
	struct controller c = { .settings = s, .pid_fd = -1, .lock_fd = -1 };
	int status, err;

	if ((err = tell_workers(s)) < 0 || (err = descriptors_prepare()) < 0)
		return fail(EX_OSERR, strerror(-err));
	if ((status = prepare(s, &c)) != 0)
		return status;
	if (!s->foreground && (err = daemon_begin()) < 0)
		return fail_errno(EX_OSERR, "Unable to go into the background", PROGRAM, -err);
	log_open(s->label, s->facility, s->foreground);
	if (s->debug)
		log_level(LOG_DEBUG);
	status = controller_run(&c);
	signals_block();
	controller_free(&c);
	return status;
}

int main(int argc, char *argv[])
{
	char error[SETTINGS_ERROR_MAX];
	struct settings s;
	int status = settings_parse(argc, argv, &s, error);

	if (status != 0) {
		fail(status, error);
		fprintf(stderr, "Try '%s -h'.\n", PROGRAM);
	} else if (s.action == SETTINGS_HELP) {
		fputs(settings_usage, stdout);
	} else if (s.action == SETTINGS_VERSION) {
		printf("%s version %s\n", PROGRAM, DEFANG_VERSION);
	} else {
		status = start(&s);
	}
	settings_free(&s);
	return status;
}
