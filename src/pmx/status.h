/* status.h - the exit statuses of pmx-milter, from the Linux Standard Base's for init scripts. */
#ifndef DEFANG_PMX_STATUS_H
#define DEFANG_PMX_STATUS_H

enum status {
	STATUS_OK = 0,
	STATUS_FAILED = 1, /* status: dead, but files are left */
	STATUS_USAGE = 2,
	STATUS_NONE_RUNS = 3,     /* status only */
	STATUS_NOT_PERMITTED = 4, /* status: cannot tell */
	STATUS_NOT_INSTALLED = 5,
	STATUS_NOT_CONFIGURED = 6,
	STATUS_SOME_RUN = 150, /* status only */
	STATUS_INTERRUPTED = 130,
	STATUS_TERMINATED = 143,
};

/* Of several milters: the one that counts more. */
enum status status_worse(enum status a, enum status b);

#endif
