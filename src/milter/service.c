#include "milter/service.h"

#include "base/daemon.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/sdnotify.h"
#include "milter/loops.h"
#include "milter/starter.h"
#include "milter/status.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define DEFAULT_MAX_LOOPS 4
#define CLEAN_UP_S 10 /* enough to end sessions and remove their directories */

struct service {
	const struct service_config *config;
	const struct settings *settings;
	struct loop *loop;
	struct loops *loops;
	struct status *status_socket; /* NULL without --status */
	struct starter *starter;      /* while the controller has not answered */
	struct timer *watchdog;       /* the next sign of life that the service manager wants */
	struct timer *grace;          /* the longest that messages in hand may take at the end */
	int listen_fd;                /* -1 once it was unlinked */
	bool serving;                 /* listen_fd belongs to the loops */
	bool ending;
	bool checking; /* whether all loops turn */
	int status;
};

/* As many as there are processors for us, but few: sessions mostly wait. */
static int default_loops(void)
{
	cpu_set_t cpus;
	int n = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;

	return n < DEFAULT_MAX_LOOPS ? n : DEFAULT_MAX_LOOPS;
}

static void fail(struct service *s, const char *what, int rc)
{
	s->status = EX_OSERR;
	daemon_fail(EX_OSERR, "%s: %s", what, strerror(-rc));
	loop_stop(s->loop);
}

/* The service manager's watchdog: it hears of us only once all loops have said that they turn. */

static void on_turned(void *arg)
{
	struct service *s = arg;

	s->checking = false;
	sdnotify_alive(NULL);
}

static void on_watchdog(void *arg)
{
	struct service *s = arg;

	if (!s->checking)
		loops_check(s->loops, on_turned, s);
	s->checking = true;
	timer_set(s->watchdog, sdnotify_watchdog_ms());
}

/* The start */

static int serve(struct service *s)
{
	int rc = loops_listen(s->loops, s->listen_fd);

	if (rc < 0)
		return rc;
	s->serving = true;
	status_set_state(s->status_socket, STATUS_SERVING);
	log_info("Multiplexor alive - entering main loop");
	if ((rc = s->config->serving(s->config->arg)) < 0)
		return rc;
	sdnotify("READY=1\nMAINPID=%d\nSTATUS=Serving", (int)getpid());
	if (sdnotify_watchdog_ms() > 0)
		timer_set(s->watchdog, sdnotify_watchdog_ms());
	return 0;
}

static void on_controller(bool alive, void *arg)
{
	struct service *s = arg;
	int rc;

	s->starter = NULL;
	if (alive) {
		if ((rc = serve(s)) < 0)
			fail(s, "cannot serve", rc);
		return;
	}
	s->status = EXIT_FAILURE;
	daemon_fail(EXIT_FAILURE, "Multiplexor socket did not appear.  Exiting.");
	loop_stop(s->loop);
}

/* The end */

static void unlink_socket(struct service *s)
{
	if (s->listen_fd >= 0)
		listen_unlink(&s->settings->socket, s->listen_fd);
	s->listen_fd = -1;
}

static void on_drained(void *arg)
{
	struct service *s = arg;

	log_info("all messages are finished");
	loop_stop(s->loop);
}

static void on_grace_over(void *arg)
{
	struct service *s = arg;

	log_warn("messages are not finished within %lld s: ending their sessions",
		 (long long)s->settings->grace_s);
	loop_stop(s->loop);
}

static void end_gently(struct service *s, int signo)
{
	s->ending = true;
	status_set_state(s->status_socket, STATUS_ENDING);
	unlink_socket(s); /* first: who finds no socket is not lost in a backlog */
	log_info("%s: finishing the messages in hand", strsignal(signo));
	sdnotify("STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64 "\nSTATUS=Finishing the messages in hand",
		 (s->settings->grace_s + CLEAN_UP_S) * 1000000);
	timer_set(s->grace, s->settings->grace_s * 1000);
	loops_drain(s->loops, !s->config->passed, on_drained, s);
}

static void on_signal(int signo, void *arg)
{
	struct service *s = arg;

	if (s->serving && !s->ending && signo != SIGINT) {
		end_gently(s, signo);
		return;
	}
	log_info("%s: stopping", strsignal(signo));
	sdnotify("STOPPING=1");
	loop_stop(s->loop);
}

static const int stop_signals[] = { SIGTERM, SIGINT, SIGHUP };

#define N_STOP_SIGNALS (sizeof(stop_signals) / sizeof(stop_signals[0]))

static void stop_signals_mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < N_STOP_SIGNALS; i++)
		sigaddset(&set, stop_signals[i]);
	sigprocmask(how, &set, NULL);
}

void service_hold_signals(void)
{
	stop_signals_mask(SIG_BLOCK);
}

static int watch_signals(struct service *s)
{
	int rc = 0;

	for (size_t i = 0; i < N_STOP_SIGNALS && rc == 0; i++)
		rc = loop_signal(s->loop, stop_signals[i], on_signal, s);
	stop_signals_mask(SIG_UNBLOCK);
	return rc;
}

/* A signal that comes now, when the loop no longer catches it, must not cut the clean-up short. */
static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

/* Undo, in reverse, whatever of it was done. */
static void clean_up(struct service *s)
{
	int fd = s->listen_fd;

	block_signals();
	unlink_socket(s);
	starter_free(s->starter);
	status_free(s->status_socket);
	loops_free(s->loops);
	if (!s->serving)
		close(fd);
	timer_free(s->watchdog);
	timer_free(s->grace);
	loop_free(s->loop);
}

static int prepare(struct service *s)
{
	int n = s->settings->loops > 0 ? (int)s->settings->loops : default_loops(), rc;

	if ((s->loop = loop_new()) == NULL || (s->grace = timer_new(s->loop, on_grace_over, s)) == NULL ||
	    (s->watchdog = timer_new(s->loop, on_watchdog, s)) == NULL ||
	    (s->loops = loops_new(s->loop, s->config->site, n)) == NULL)
		return -errno;
	if ((rc = watch_signals(s)) < 0)
		return rc;
	sdnotify("STATUS=Waiting for the controller");
	s->starter = starter_new(&loops_first(s->loops)->client, s->settings->wait_controller_s * 1000,
				 on_controller, s);
	return s->starter != NULL ? 0 : -ENOMEM;
}

/* 0, or -1 when it has told why not. */
static int open_status(struct service *s)
{
	int rc;

	if (s->settings->status.len == 0)
		return 0;
	if ((rc = status_open(s->loop, s->settings, s->loops, &s->status_socket)) == 0)
		return 0;
	s->status = EX_UNAVAILABLE;
	daemon_fail(EX_UNAVAILABLE, "cannot listen on --status %s: %s", s->settings->status_text,
		    strerror(-rc));
	return -1;
}

int service_run(const struct service_config *config)
{
	struct service s = {
		.config = config,
		.settings = config->site->settings,
		.listen_fd = config->listen_fd,
	};
	int rc = prepare(&s);

	if (rc == 0 && open_status(&s) == 0)
		rc = loop_run(s.loop);
	if (rc < 0) {
		s.status = EX_OSERR;
		daemon_fail(EX_OSERR, "event loop: %s", strerror(-rc));
	}
	clean_up(&s);
	return s.status;
}
