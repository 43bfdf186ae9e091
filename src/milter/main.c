/* mimedefang - the milter front end: mimedefang(8). */
#include "base/activation.h"
#include "base/daemon.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/resolve.h"
#include "base/rights.h"
#include "base/sdnotify.h"
#include "milter/capabilities.h"
#include "milter/service.h"
#include "milter/settings.h"
#include "milter/site.h"
#include "milter/stale.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

/* The running program. */
struct program {
	struct settings settings;
	struct rights rights;
	struct site site;
	struct activation passed; /* sockets of the service manager */
	bool socket_passed;       /* listen_fd is one of them */
	int pid_fd, lock_fd, listen_fd;
	char *lock_path;  /* owned; NULL without a lock */
	bool pid_written; /* the pid file is ours, not that of another that runs */
	int status;       /* exit status */
};

/* Options */

/* Of -p, when it is a name. */
static void find_host(struct settings *s, const char *program)
{
	int rc = s->socket.len == 0 ? resolve_address(s->socket_text, &s->socket) : 0;

	if (rc == 0)
		return;
	fprintf(stderr, "%s: Option -p: '%s': %s\n", program, s->socket_text, gai_strerror(rc));
	exit(EX_NOHOST);
}

/* Returns only when the program is to run. */
static void load_settings(struct settings *settings, int argc, char *argv[])
{
	struct buf error;
	enum settings_wish wish;

	buf_init(&error, BUF_NO_LIMIT);
	wish = settings_parse(argc, argv, settings, &error);
	if (wish == SETTINGS_RUN) {
		find_host(settings, argv[0]);
		return;
	}
	switch (wish) {
	case SETTINGS_VERSION:
		printf("mimedefang version %s\n", DEFANG_VERSION);
		exit(EXIT_SUCCESS);
	case SETTINGS_CAPABILITIES:
		capabilities_list(&error);
		fputs(error.data, stdout);
		exit(EXIT_SUCCESS);
	case SETTINGS_USAGE:
		settings_usage(&error, argv[0]);
		fputs(error.data, stderr);
		exit(EXIT_FAILURE);
	default:
		fprintf(stderr, "%s\nTry '%s -h'.\n", error.data, argv[0]);
		exit(EX_USAGE);
	}
}

/* What the service manager has put into our environment: before a fork. */
static void hear_manager(struct program *p)
{
	int rc = activation_take(&p->passed);

	if (rc < 0)
		fprintf(stderr, "Bad sockets from the service manager (LISTEN_FDS): %s\n", strerror(-rc));
	else if ((rc = sdnotify_open()) < 0)
		fprintf(stderr, "Cannot reach the service manager (NOTIFY_SOCKET): %s\n", strerror(-rc));
	if (rc < 0)
		exit(EX_USAGE);
}

static void find_user(struct program *p)
{
	const char *user = p->settings.user;
	int rc;

	if (user == NULL && rights_are_root()) {
		fprintf(stderr, "ERROR: You must not run mimedefang as root.\n"
				"Use the -U option to set a non-root user.\n");
		exit(EX_USAGE);
	}
	if (user != NULL && (rc = rights_find(user, &p->rights)) < 0) {
		fprintf(stderr, "-U %s: %s\n", user,
			rc != -ENOENT               ? strerror(-rc)
			: strchr(user, ':') != NULL ? "no such user or group"
						    : "no such user");
		exit(EX_NOUSER);
	}
	if (user != NULL && p->rights.uid == 0) {
		fprintf(stderr, "-U %s: that user is root, too\n", user);
		exit(EX_USAGE);
	}
}

/* Getting ready. Each returns 0, or -1 when it has told why not. */

static int fail(struct program *p, int status, const char *what, const char *name, int rc)
{
	p->status = status;
	daemon_fail(status, "%s%s%s: %s", what, *name != '\0' ? " " : "", name, strerror(-rc));
	return -1;
}

/* While we may still be root: the pid file can lie in a folder of root's. */
static int open_pid_file(struct program *p)
{
	const char *path = p->settings.pid_file;

	if (path != NULL && (p->pid_fd = pidfile_open(path)) < 0)
		return fail(p, EX_CANTCREAT, "pid file", path, p->pid_fd);
	return 0;
}

static int drop_rights(struct program *p)
{
	int rc = p->settings.user != NULL ? rights_drop(&p->rights) : 0;

	return rc < 0 ? fail(p, EX_NOPERM, "cannot become user", p->settings.user, rc) : 0;
}

static int take_lock(struct program *p)
{
	const struct settings *s = &p->settings;

	if (s->lock_file != NULL)
		p->lock_path = strdup(s->lock_file);
	else if (s->pid_file == NULL)
		return 0;
	else if (asprintf(&p->lock_path, "%s.lock", s->pid_file) == -1)
		p->lock_path = NULL;
	p->lock_fd = p->lock_path != NULL ? lockfile_take(p->lock_path, s->group) : -ENOMEM;
	if (p->lock_fd == -EAGAIN) {
		p->status = EX_TEMPFAIL;
		daemon_fail(EX_TEMPFAIL, "Cannot lock lockfile %s: Is another copy running?", p->lock_path);
	} else if (p->lock_fd < 0)
		fail(p, EX_CANTCREAT, "lock file", p->lock_path != NULL ? p->lock_path : "", p->lock_fd);
	return p->lock_fd < 0 ? -1 : 0;
}

/* The socket of the service manager, if there is one: named `milter`, or the only one. -1 in *fd when there
 * is none. */
static int claim_socket(struct program *p, int *fd)
{
	const char *more;

	if ((*fd = activation_claim(&p->passed, "milter")) == -1)
		*fd = activation_claim_only(&p->passed);
	if ((more = activation_unclaimed(&p->passed)) == NULL)
		return 0;
	p->status = EX_USAGE;
	daemon_fail(EX_USAGE, "The service manager passed a socket named '%s', which is for nothing", more);
	return -1;
}

static int open_socket(struct program *p)
{
	const struct settings *s = &p->settings;
	int passed;

	if (claim_socket(p, &passed) < 0)
		return -1;
	p->socket_passed = passed != -1;
	p->listen_fd = listen_obtain(passed, &s->socket, (int)s->backlog, s->group ? 007 : 027);
	if (p->listen_fd < 0)
		return fail(p, EX_UNAVAILABLE, "cannot listen on -p", s->socket_text, p->listen_fd);
	if (s->socket.wildcard && !p->socket_passed)
		log_warn("-p %s names no host: listening on all addresses", s->socket_text);
	return 0;
}

static int open_site(struct program *p)
{
	if (p->settings.queue_connections && p->settings.reserved >= 0)
		daemon_warn("-R has no effect with -q");
	umask(p->settings.group ? 027 : 077);
	p->status = site_open(&p->site, &p->settings);
	return p->status == 0 ? 0 : -1;
}

/* Running */

static void log_alive(const struct settings *s)
{
	log_info("MIMEDefang alive. workersReservedForLoopback=%lld AllowNewConnectionsToQueue=%d "
		 "doRelayCheck=%d doHeloCheck=%d doSenderCheck=%d doRecipientCheck=%d",
		 (long long)s->reserved, s->queue_connections, s->relay_check, s->helo_check, s->sender_check,
		 s->recipient_check);
}

static int on_serving(void *arg)
{
	struct program *p = arg;
	int rc = p->pid_fd >= 0 ? pidfile_write(p->pid_fd) : 0;

	if (rc < 0)
		return rc;
	p->pid_written = p->pid_fd >= 0;
	daemon_ready();
	return 0;
}

static void run(struct program *p)
{
	const struct service_config config = {
		.site = &p->site,
		.listen_fd = p->listen_fd,
		.passed = p->socket_passed,
		.serving = on_serving,
		.arg = p,
	};

	stale_sweep(&p->site);
	log_alive(&p->settings);
	p->status = service_run(&config);
}

/* Undo, in reverse, whatever of it was done. */
static void clean_up(struct program *p)
{
	if (p->pid_written)
		pidfile_remove(p->settings.pid_file, p->pid_fd);
	if (p->lock_fd >= 0)
		lockfile_remove(p->lock_path, p->lock_fd);
	free(p->lock_path);
	site_close(&p->site);
	rights_free(&p->rights);
}

int main(int argc, char *argv[])
{
	static struct program p = { .pid_fd = -1, .lock_fd = -1, .listen_fd = -1, .site.spool_fd = -1 };
	int rc;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files: the write fails, which is enough */
	load_settings(&p.settings, argc, argv);
	hear_manager(&p);
	find_user(&p);
	log_open("mimedefang", p.settings.facility, p.settings.foreground);
	log_level(LOG_DEBUG); /* syslogd sorts out what is wanted */
	if (!p.settings.foreground && (rc = daemon_begin()) < 0) {
		fail(&p, EX_OSERR, "cannot go into the background", "", rc);
		return p.status;
	}
	service_hold_signals();
	if (open_pid_file(&p) == 0 && drop_rights(&p) == 0 && take_lock(&p) == 0 && open_site(&p) == 0 &&
	    open_socket(&p) == 0)
		run(&p);
	clean_up(&p);
	return p.status;
}
