#include "pool/process.h"

#include "base/self.h"
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Loads a filter and forks workers; lies at a fixed place relative to us. */
#define TEMPLATE_PROGRAM DEFANG_HELPERDIR "/mimedefang-worker"

void process_close(int fds[], int n_fds)
{
	for (int i = 0; i < n_fds; i++) {
		if (fds[i] != -1)
			close(fds[i]);
		fds[i] = -1;
	}
}

int process_open_pipes(const struct settings *s, struct process_pipes *ours, int theirs[PROCESS_MAX_FDS])
{
	int *const ends[PROCESS_MAX_FDS] = { &ours->in, &ours->out, &ours->err, &ours->status };
	int n = s->status_pipe ? PROCESS_MAX_FDS : PROCESS_MAX_FDS - 1;

	for (int i = 0; i < PROCESS_MAX_FDS; i++)
		*ends[i] = theirs[i] = -1;
	for (int i = 0; i < n; i++) {
		int fds[2], err, we_write = i == STDIN_FILENO;

		if (pipe2(fds, O_CLOEXEC) == -1) {
			err = -errno;
			process_close(theirs, i);
			while (i-- > 0)
				close(*ends[i]);
			return err;
		}
		*ends[i] = fds[we_write];
		theirs[i] = fds[!we_write];
	}
	return n;
}

static pid_t program_spawn(const struct settings *s, const char *path, char *const argv[], const int fds[],
			   int n_fds)
{
	return spawn(&(struct spawn){
		.argv = argv,
		.path = path,
		.fds = fds,
		.n_fds = n_fds,
		.umask = s->group_access ? 027 : 077,
		.max_memory = (uint64_t)s->worker_memory,
	});
}

/* Append the words that a worker program gets: its rules, and the form in which it is to run. */
static void add_arguments(const struct settings *s, const char *form, char *argv[], int *argc)
{
	if (s->rules != NULL) {
		argv[(*argc)++] = (char *)"-f";
		argv[(*argc)++] = (char *)s->rules;
	}
	argv[(*argc)++] = (char *)form;
	argv[*argc] = NULL;
}

pid_t process_start(const struct settings *s, const int fds[], int n_fds)
{
	const char *slash = strrchr(s->program, '/');
	char *argv[5];
	int argc = 0;

	argv[argc++] = (char *)(slash == NULL ? s->program : slash + 1);
	add_arguments(s, s->status_pipe ? "-serveru" : "-server", argv, &argc);
	return program_spawn(s, s->program, argv, fds, n_fds);
}

static pid_t template_spawn(const struct settings *s, int orders, int err)
{
	char *path = s->template_program != NULL ? strdup(s->template_program) : self_path(TEMPLATE_PROGRAM);
	char *argv[7];
	int argc = 0;
	pid_t pid;

	if (path == NULL)
		return -errno;
	argv[argc++] = (char *)"mimedefang.pl";
	argv[argc++] = (char *)"-template";
	argv[argc++] = s->program;
	add_arguments(s, s->status_pipe ? "-embserveru" : "-embserver", argv, &argc);
	pid = program_spawn(s, path, argv, (const int[]){ -1, err, err, orders }, 4);
	free(path);
	return pid;
}

int process_start_template(const struct settings *s, struct process_template *out)
{
	int orders[2], err[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, orders) == -1)
		return -errno;
	if (pipe2(err, O_CLOEXEC) == -1) {
		rc = -errno;
		process_close(orders, 2);
		return rc;
	}
	out->pid = template_spawn(s, orders[1], err[1]);
	close(orders[1]);
	close(err[1]);
	if (out->pid < 0) {
		close(orders[0]);
		close(err[0]);
		return out->pid;
	}
	out->orders = orders[0];
	out->err = err[0];
	return 0;
}

void process_signal(pid_t pid, int signo)
{
	if (pid <= 0)
		return;
	/* A stopped process does not see anything but SIGKILL before it goes on. */
	kill(-pid, SIGCONT);
	if (signo != SIGCONT)
		kill(-pid, signo);
}

void process_destroy(pid_t pid)
{
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

bool process_reap(pid_t pid, bool sweep, int *status, struct rusage *usage)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1 || info.si_pid != pid)
		return false;
	/* As long as it is not waited for, nobody else can have its group's number. */
	if (sweep)
		kill(-pid, SIGKILL);
	return wait4(pid, status, 0, usage) == pid;
}

void process_exit_text(int status, char text[PROCESS_TEXT_MAX])
{
	if (WIFSIGNALED(status))
		snprintf(text, PROCESS_TEXT_MAX, "exited due to signal %d", WTERMSIG(status));
	else
		snprintf(text, PROCESS_TEXT_MAX, "exited normally with status %d", WEXITSTATUS(status));
}
