#include "pool/process.h"

#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_PIPES 4

/* pipes[i] is for the child's descriptor i: [0] to read, [1] to write. */
typedef int pipe_pair[2];

static void pipes_close(pipe_pair pipes[N_PIPES])
{
	for (int i = 0; i < N_PIPES; i++) {
		for (int end = 0; end < 2; end++) {
			if (pipes[i][end] != -1)
				close(pipes[i][end]);
		}
	}
}

static int pipes_open(pipe_pair pipes[N_PIPES], int n)
{
	for (int i = 0; i < N_PIPES; i++)
		pipes[i][0] = pipes[i][1] = -1;
	for (int i = 0; i < n; i++) {
		if (pipe2(pipes[i], O_CLOEXEC) == -1) {
			int err = -errno;

			pipes_close(pipes);
			return err;
		}
	}
	return 0;
}

static pid_t program_spawn(const struct settings *s, const int fds[], int n_fds)
{
	const char *slash = strrchr(s->program, '/');
	char *argv[5];
	int argc = 0;

	argv[argc++] = (char *)(slash == NULL ? s->program : slash + 1);
	if (s->rules != NULL) {
		argv[argc++] = (char *)"-f";
		argv[argc++] = (char *)s->rules;
	}
	argv[argc++] = (char *)(s->status_pipe ? "-serveru" : "-server");
	argv[argc] = NULL;
	return spawn(&(struct spawn){
		.argv = argv,
		.path = s->program,
		.fds = fds,
		.n_fds = n_fds,
		.umask = s->group_access ? 027 : 077,
		.max_memory = (uint64_t)s->worker_memory,
	});
}

/* Keep `fd` out of the pipes' clean-up. */
static int fd_keep(int *fd)
{
	int kept = *fd;

	*fd = -1;
	return kept;
}

pid_t process_start(const struct settings *s, struct process_pipes *out)
{
	int n = s->status_pipe ? 4 : 3;
	pipe_pair pipes[N_PIPES];
	pid_t pid;
	int err;

	if ((err = pipes_open(pipes, n)) < 0)
		return err;
	pid = program_spawn(s, (const int[]){ pipes[0][0], pipes[1][1], pipes[2][1], pipes[3][1] }, n);
	if (pid > 0) {
		out->in = fd_keep(&pipes[0][1]);
		out->out = fd_keep(&pipes[1][0]);
		out->err = fd_keep(&pipes[2][0]);
		out->status = fd_keep(&pipes[3][0]);
	}
	pipes_close(pipes);
	return pid;
}

void process_signal(pid_t pid, int signo)
{
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
