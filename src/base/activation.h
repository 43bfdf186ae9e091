/* activation.h - listening sockets that the service manager has opened and passed to us, as sd_listen_fds(3)
 * has it: LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES. Our successor gets the same sockets, so that nobody
 * finds one closed while we are restarted. They are the manager's: we never unlink them. */
#ifndef DEFANG_BASE_ACTIVATION_H
#define DEFANG_BASE_ACTIVATION_H

#include <sys/types.h>

#define ACTIVATION_MAX_SOCKETS 16
#define ACTIVATION_MAX_NAME 255 /* bytes, as in systemd */
#define ACTIVATION_FIRST_FD 3

struct activation { /* all zero: none */
	int n;
	struct {
		int fd; /* -1 once claimed */
		char name[ACTIVATION_MAX_NAME + 1];
	} sockets[ACTIVATION_MAX_SOCKETS];
};

enum activation_error {
	ACTIVATION_OK,
	ACTIVATION_BAD_COUNT, /* LISTEN_FDS is not a number of 1 to ACTIVATION_MAX_SOCKETS */
	ACTIVATION_BAD_NAMES, /* LISTEN_FDNAMES has not as many names, or too long ones */
};

/* What the variables say to process `self`; NULL stands for one that is not set. Pure. They may be for
 * another process: then there are no sockets, and that is no error. Without LISTEN_FDNAMES all names are
 * empty. On error *out has no sockets. */
enum activation_error activation_parse(const char *pid, const char *fds, const char *names, pid_t self,
				       struct activation *out);

/* What this process was passed; call it in the process that was started, before it forks. The variables are
 * taken out of the environment, the sockets made close-on-exec and non-blocking. 0; -EINVAL for bad
 * variables, or -errno: -ENOTSOCK, -EOPNOTSUPP for what is not a listening stream socket. */
int activation_take(struct activation *out);

/* The socket of that name, which is then the caller's; -1 when there is none. */
int activation_claim(struct activation *a, const char *name);

/* The socket if it is the only one that was passed and nobody has claimed it, whatever its name; else -1. */
int activation_claim_only(struct activation *a);

/* The name of one that nobody has claimed, or NULL. */
const char *activation_unclaimed(const struct activation *a);

#endif
