#include "pool/template.h"

#include "base/log.h"
#include "base/number.h"
#include "pool/errlog.h"
#include "pool/process.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORDER "fork\n"
#define FORKED "forked "
#define FAILED "failed "
#define MAX_REPLY 256

/* Once its process is gone, what it wrote lies in the pipe already: so long we read on, should somebody else
 * hold the pipe open. */
#define LAST_WORDS_MS 200

struct template
{
	LIST_ENTRY(template) link;
	struct templates *all;
	unsigned generation;
	pid_t pid;
	int fd; /* of orders; -1 once the template has ended, or is being ended */
	struct watch *watch;
	struct errlog *err;
	bool answered; /* at least one order: its filter loads */
	bool asked_to_end;
	bool reaped;
	bool killed;                         /* by a signal */
	char end_text[PROCESS_TEXT_MAX];     /* how it ended */
	struct timer *last_words;            /* once it is reaped: their end */
	TAILQ_HEAD(, template_order) orders; /* not yet answered, in their order */
};

struct templates {
	struct loop *loop;
	const struct settings *settings;
	LIST_HEAD(, template) list;
};

struct template_order {
	TAILQ_ENTRY(template_order) link;
	struct template *template;
	template_done_fn *done; /* NULL: nobody waits for it */
	void *arg;
};

/* --- orders --- */

static void order_finish(struct template_order *o, pid_t pid, const char *why, const struct tail *words)
{
	TAILQ_REMOVE(&o->template->orders, o, link);
	if (o->done != NULL)
		o->done(pid, why, words, o->arg);
	free(o);
}

static int order_send(int socket, const int fds[], int n_fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(PROCESS_MAX_FDS * sizeof(int))];
	} control = { .room = { 0 } };
	struct iovec text = { .iov_base = (char *)ORDER, .iov_len = strlen(ORDER) };
	size_t size = (size_t)n_fds * sizeof(int);
	struct msghdr m = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = CMSG_SPACE(size),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), fds, size);
	return sendmsg(socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == -1 ? -errno : 0;
}

void template_order_forget(struct template_order *o)
{
	o->done = NULL;
}

/* --- the end of a template --- */

/* It holds nothing that could be lost. What it has forked is in groups of its own. */
static void template_end(struct template *t)
{
	if (t->fd == -1)
		return;
	watch_free(t->watch);
	t->watch = NULL;
	close(t->fd);
	t->fd = -1;
	if (!t->reaped)
		process_signal(t->pid, SIGKILL);
}

void template_order_give_up(struct template_order *o)
{
	template_end(o->template);
}

static void template_free(struct template *t)
{
	LIST_REMOVE(t, link);
	watch_free(t->watch);
	if (t->fd != -1)
		close(t->fd);
	timer_free(t->last_words);
	errlog_free(t->err);
	free(t);
}

/* Its process is gone, and has had its last words: nobody answers its orders any more. */
static void on_gone(void *arg)
{
	struct template *t = arg;
	struct template_order *o;

	if (!t->asked_to_end)
		log_err("Template of generation %u (pid %d) %s", t->generation, (int)t->pid, t->end_text);
	while ((o = TAILQ_FIRST(&t->orders)) != NULL)
		order_finish(o, t->killed ? -1 : 0, t->end_text, errlog_tail(t->err));
	template_free(t);
}

static void on_errors_closed(void *arg)
{
	struct template *t = arg;

	if (t->reaped)
		on_gone(t);
}

static void template_reap(struct template *t)
{
	struct rusage usage;
	int status;

	if (t->reaped || !process_reap(t->pid, true, &status, &usage))
		return;
	t->reaped = true;
	t->killed = WIFSIGNALED(status);
	process_exit_text(status, t->end_text);
	template_end(t);
	timer_set(t->last_words, errlog_is_closed(t->err) ? 0 : LAST_WORDS_MS);
}

void templates_reap(struct templates *all)
{
	struct template *t;

	LIST_FOREACH (t, &all->list, link)
		template_reap(t);
}

/* --- its answers --- */

/* "forked PID", or "failed WHY". False when it is neither. */
static bool answer_take(struct template_order *o, char *text)
{
	int64_t pid;

	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, FAILED, strlen(FAILED)) == 0) {
		order_finish(o, 0, text, NULL);
		return true;
	}
	if (strncmp(text, FORKED, strlen(FORKED)) != 0 ||
	    number_parse(text + strlen(FORKED), 2, INT_MAX, &pid) != 0)
		return false;
	o->template->answered = true;
	order_finish(o, (pid_t)pid, NULL, NULL);
	return true;
}

static void on_answer(int fd, unsigned what, void *arg)
{
	struct template *t = arg;
	char text[MAX_REPLY + 1];
	ssize_t n = recv(fd, text, MAX_REPLY, MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		text[n] = '\0';
		if (!TAILQ_EMPTY(&t->orders) && answer_take(TAILQ_FIRST(&t->orders), text))
			return;
		log_err("Template of generation %u (pid %d) does not keep to the protocol", t->generation,
			(int)t->pid);
	}
	template_end(t); /* its orders end when it has been waited for */
}

/* --- its start --- */

/* Take over the ends of the pipes. 0 or -errno; what is taken is the template's. */
static int template_attach(struct template *t, int fd, int err)
{
	struct templates *all = t->all;

	if ((t->err = errlog_new(all->loop, err, all->settings->verbose, NULL, on_errors_closed, t)) == NULL)
		return -errno;
	if ((t->last_words = timer_new(all->loop, on_gone, t)) == NULL ||
	    (t->watch = watch_new(all->loop, fd, on_answer, t)) == NULL ||
	    watch_set(t->watch, WATCH_READ) < 0)
		return -ENOMEM;
	t->fd = fd;
	return 0;
}

static int template_launch(struct template *t)
{
	struct process_template p;
	int rc = process_start_template(t->all->settings, &p);

	if (rc < 0)
		return rc;
	t->pid = p.pid;
	if ((rc = template_attach(t, p.orders, p.err)) == 0) {
		if (t->all->settings->verbose)
			log_info("Starting template of generation %u (pid %d)", t->generation, (int)t->pid);
		return 0;
	}
	process_destroy(p.pid);
	if (t->err == NULL)
		close(p.err);
	watch_free(t->watch);
	t->watch = NULL;
	close(p.orders);
	return rc;
}

/* NULL with errno set. */
static struct template *template_new(struct templates *all, unsigned generation)
{
	struct template *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL)
		return NULL;
	t->all = all;
	t->generation = generation;
	t->fd = -1;
	TAILQ_INIT(&t->orders);
	LIST_INSERT_HEAD(&all->list, t, link);
	if ((rc = template_launch(t)) < 0) {
		template_free(t);
		errno = -rc;
		return NULL;
	}
	return t;
}

/* The one to order from, or a new one. NULL with errno set. */
static struct template *template_of(struct templates *all, unsigned generation)
{
	struct template *t;

	LIST_FOREACH (t, &all->list, link) {
		if (t->generation == generation && t->fd != -1)
			break;
	}
	return t != NULL ? t : template_new(all, generation);
}

/* Send an order, to *out. A template that has died since it was last heard of gives way to a new one. 0 or
 * -errno. */
static int order_place(struct templates *all, unsigned generation, const int fds[], int n_fds,
		       struct template **out)
{
	int rc;

	do {
		if ((*out = template_of(all, generation)) == NULL)
			return -errno;
		if ((rc = order_send((*out)->fd, fds, n_fds)) == -EPIPE || rc == -ECONNRESET)
			template_end(*out);
	} while ((*out)->fd == -1 && (*out)->answered);
	return rc;
}

/* --- all of them --- */

struct templates *templates_new(struct loop *loop, const struct settings *settings)
{
	struct templates *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->loop = loop;
	all->settings = settings;
	LIST_INIT(&all->list);
	return all;
}

void templates_free(struct templates *all)
{
	struct template *t;

	if (all == NULL)
		return;
	while ((t = LIST_FIRST(&all->list)) != NULL) {
		struct template_order *o;

		while ((o = TAILQ_FIRST(&t->orders)) != NULL) {
			TAILQ_REMOVE(&t->orders, o, link);
			free(o);
		}
		if (!t->reaped)
			process_destroy(t->pid);
		template_free(t);
	}
	free(all);
}

int templates_prepare(struct templates *all, unsigned generation)
{
	return template_of(all, generation) != NULL ? 0 : -errno;
}

struct template_order *templates_order(struct templates *all, unsigned generation, const int fds[], int n_fds,
				       template_done_fn *done, void *arg)
{
	struct template_order *o = calloc(1, sizeof(*o));
	struct template *t;
	int rc;

	if (o == NULL)
		return NULL;
	if ((rc = order_place(all, generation, fds, n_fds, &t)) < 0) {
		free(o);
		errno = -rc;
		return NULL;
	}
	o->template = t;
	o->done = done;
	o->arg = arg;
	TAILQ_INSERT_TAIL(&t->orders, o, link);
	return o;
}

void templates_retain(struct templates *all, unsigned generation, unsigned other)
{
	struct template *t;

	LIST_FOREACH (t, &all->list, link) {
		if (t->generation != generation && t->generation != other) {
			t->asked_to_end = true;
			template_end(t);
		}
	}
}

void templates_end(struct templates *all)
{
	struct template *t;

	LIST_FOREACH (t, &all->list, link) {
		t->asked_to_end = true;
		template_end(t);
	}
}
