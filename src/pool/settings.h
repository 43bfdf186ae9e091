/* settings.h - the options of mimedefang-multiplexor as a struct. Pure: looks at nothing but its arguments.
 * Source of the letters, defaults and texts: mimedefang-multiplexor(8). */
#ifndef DEFANG_POOL_SETTINGS_H
#define DEFANG_POOL_SETTINGS_H

#include "base/address.h"

#include <stdbool.h>
#include <stdint.h>

#define SETTINGS_SPOOL "/var/spool/MIMEDefang"
#define SETTINGS_ERROR_MAX 512

enum settings_action { SETTINGS_RUN, SETTINGS_HELP, SETTINGS_VERSION };

/* Strings point into argv unless they are said to be owned. */
struct settings {
	enum settings_action action;
	/* the pool */
	int64_t min_workers;   /* -m */
	int64_t max_workers;   /* -x: N, workers that take work */
	int64_t max_requests;  /* -r: a worker is replaced after so many */
	int64_t lifetime_ms;   /* -V: from its first request; 0 for ever */
	int64_t idle_ms;       /* -i */
	int64_t fill_ms;       /* -w: pace of starts up to the minimum */
	int64_t spacing_ms;    /* -W: least time between any two starts */
	int64_t start_ms;      /* --start-timeout: for the first answer of a worker */
	int64_t busy_ms;       /* -b: for an answer */
	int64_t client_ms;     /* -c: for a request or a reply to be written or read */
	int64_t queue_limit;   /* -q */
	int64_t queue_ms;      /* -Q */
	int64_t worker_memory; /* -M, in bytes here; 0 for no limit */
	int64_t rss_limit_kb;  /* -R: of resident memory of a worker; 0 for no limit */
	bool autoscale;        /* -k, and what it goes by: */
	int64_t scale_interval_ms;
	int64_t scale_out_percent;
	int64_t scale_in_percent;
	int64_t scale_out_cooldown_ms;
	int64_t scale_in_cooldown_ms;
	int64_t scale_weight_percent; /* --ema-alpha */
	bool status_pipe;             /* -Z */
	bool preload;                 /* -E: load the filter once, and fork workers of it */
	const char *template_program; /* --template: which does that; NULL: ours, beside this program */
	char *program;                /* -f; owned; NULL: the caller's default */
	const char *rules;            /* -F */
	int64_t domain_limit;         /* -y: recipok requests of a domain at a time; 0 for no limit */
	int64_t tick_ms;              /* -X; 0 for no ticks */
	int64_t parallel_ticks;       /* -P */
	/* sockets */
	char *socket;                  /* -s; owned */
	struct address address;        /* of -s */
	const char *open_socket;       /* -a: for everybody, or NULL */
	struct address open_address;   /* of -a */
	const char *map_socket;        /* -N: look-ups of mail servers, or NULL */
	struct address map_address;    /* of -N */
	const char *notify_socket;     /* -O: for listeners, or NULL */
	struct address notify_address; /* of -O */
	int64_t backlog;               /* -I */
	/* statistics */
	const char *stats_file; /* -t */
	bool stats_syslog;      /* -T */
	bool stats_unbuffered;  /* -u */
	int64_t status_log_ms;  /* -L; 0 for never */
	/* the process */
	const char *user;  /* -U */
	const char *spool; /* -z */
	const char *pidfile;
	char *lockfile;    /* -o, or the pid file's name and `.lock`; owned; NULL for none */
	const char *label; /* -Y: tag in syslog */
	int facility;      /* -S: a LOG_ value */
	bool group_access; /* -G */
	bool foreground;   /* -D */
	bool verbose;      /* -l: workers' starts, ends and standard error are logged */
	bool log_choices;  /* -A: which worker gets which request */
	bool debug;        /* -d: every event, at debug level */
};

/* 0, or a sysexits status with a message for the administrator in `error`. Free *out either way. */
int settings_parse(int argc, char *argv[], struct settings *out, char error[SETTINGS_ERROR_MAX]);
void settings_free(struct settings *s);

extern const char settings_usage[];

#endif
