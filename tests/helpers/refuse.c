/* refuse - run a program on a system that refuses some system calls, as old kernels and containers do:
 *
 *	refuse ERROR CALL[,CALL..] PROGRAM [ARGUMENT..]
 *
 * ERROR is EPERM or ENOSYS, CALL one of the table below. What the program starts is refused them, too. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_CALLS 8

static const struct {
	const char *name;
	unsigned number;
} calls[] = {
	{ "pidfd_open", SYS_pidfd_open },
	{ "pidfd_getfd", SYS_pidfd_getfd },
	{ "pidfd_send_signal", SYS_pidfd_send_signal },
};

static unsigned call_number(const char *name)
{
	for (size_t i = 0; i < LENGTH(calls); i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	fprintf(stderr, "refuse: unknown call %s\n", name);
	exit(2);
}

/* In front of each refusal the question whether it is that call; behind all of them the permission. */
static void refuse(char *names, unsigned error)
{
	struct sock_filter code[2 * MAX_CALLS + 2] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = { .filter = code, .len = 1 };
	char *save = NULL;

	for (char *name = strtok_r(names, ",", &save); name != NULL && program.len < 2 * MAX_CALLS;
	     name = strtok_r(NULL, ",", &save)) {
		code[program.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								   call_number(name), 0, 1);
		code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
								   SECCOMP_RET_ERRNO | error);
	}
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == -1) {
		perror("refuse");
		exit(2);
	}
}

int main(int argc, char *argv[])
{
	if (argc < 4 || (strcmp(argv[1], "EPERM") != 0 && strcmp(argv[1], "ENOSYS") != 0)) {
		fputs("usage: refuse EPERM|ENOSYS CALL[,CALL..] PROGRAM [ARGUMENT..]\n", stderr);
		return 2;
	}
	refuse(argv[2], strcmp(argv[1], "EPERM") == 0 ? EPERM : ENOSYS);
	execv(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}
