/* settings.h - the options of mimedefang(8) as a struct. Pure: looks at nothing but its arguments; the caller
 * prints, exits, and looks up a host that is named. Source of the letters and texts: mimedefang(8). */
#ifndef DEFANG_MILTER_SETTINGS_H
#define DEFANG_MILTER_SETTINGS_H

#include "base/address.h"
#include "base/buf.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define SETTINGS_MAX_MACROS 30
#define SETTINGS_MAX_MACRO_NAME 200 /* bytes */
#define SETTINGS_MAX_SCANNED_BY 900 /* bytes: below what a line of a message may have (RFC 5322) */
#define SETTINGS_MIN_BACKLOG 5
#define SETTINGS_SPOOL "/var/spool/MIMEDefang"

/* All strings are the caller's: argv's, or constants. */
struct settings {
	const char *user;        /* -U, or NULL */
	struct address socket;   /* -p; len is 0 while its host is still to be looked up: resolve_address() */
	const char *socket_text; /* the same as written */
	struct address pool;     /* -m: the controller's socket */
	struct address status;   /* --status: where to tell of ourselves; len is 0 without */
	const char *status_text; /* the same as written */
	const char *spool;       /* -z: absolute path */
	const char *conf_dir;    /* --conf-dir: where mimedefang-ip-key lies; absolute path */
	const char *pid_file;    /* -P: absolute path, or NULL */
	const char *lock_file;   /* -o: absolute path, or NULL: then the pid file's name with `.lock` */
	int facility;            /* -S: LOG_* */
	int64_t backlog;         /* -b: at least SETTINGS_MIN_BACKLOG */
	bool foreground;         /* -D */
	bool group;              /* -G: the group may use socket and files */
	bool relay_check;        /* -r */
	bool helo_check;         /* -H */
	bool sender_check;       /* -s */
	bool recipient_check;    /* -t */
	bool queue_connections;  /* -q: do not ask for free workers at connect */
	int64_t reserved;        /* -R: fewest free workers for a client that is not this host; -1: not set */
	char like_loopback[INET6_ADDRSTRLEN]; /* -L: a client address, in canonical form, shown as 127.0.0.1;
						 or "" */
	const char *scanned_by;               /* -x: text of X-Scanned-By; "" with -X */
	bool no_scanned_by;                   /* -X */
	bool keep_dirs;                       /* -d */
	bool keep_failed;                     /* -k */
	bool strip_cr;                        /* -c */
	bool hide_refused;                    /* -N: do not see recipients that the MTA refuses */
	bool ask_macros;                      /* -y: tell the MTA which macros we want */
	bool log_times;                       /* -T */
	bool no_summary;                      /* --no-summary: no line in the log for each message */
	bool ignored;                         /* -C, -M: what they ask for is always done */
	const char *macros[SETTINGS_MAX_MACROS]; /* -a */
	int n_macros;
	int64_t max_results;       /* --max-results: largest RESULTS file, in bytes */
	int64_t loops;             /* --loops: event loops; 0: not set */
	int64_t grace_s;           /* --grace: seconds that messages in hand may take at the end */
	int64_t wait_controller_s; /* --wait-controller: seconds to wait at the start for it to answer */
	int64_t command_timeout_s; /* --command-timeout: seconds to the answer of a command */
	int64_t content_timeout_s; /* --content-timeout: seconds to the end of a scan without PROGRESS
				    * packets, and to what an MTA owes us in the middle of something */
	int64_t scan_timeout_s;    /* --scan-timeout: seconds that any scan may last; 0: without limit */
	int64_t progress_s;        /* --progress: seconds between PROGRESS packets; 0: none */
	int64_t max_sessions;      /* --max-sessions; 0: as many as there are descriptors for */
	int64_t idle_timeout_s;    /* --idle-timeout: seconds that an MTA may be silent between packets */
};

enum settings_wish {
	SETTINGS_RUN,
	SETTINGS_USAGE,        /* -h: print settings_usage(), exit 1 */
	SETTINGS_VERSION,      /* -v */
	SETTINGS_CAPABILITIES, /* `prcap`: print capabilities_list() */
	SETTINGS_BAD,          /* `error` says what in one line, without its end, and names the option */
};

/* Not safe to be called by two threads at a time (getopt). *out is complete only with SETTINGS_RUN. */
enum settings_wish settings_parse(int argc, char *argv[], struct settings *out, struct buf *error);

/* The help text for program `name`. */
void settings_usage(struct buf *out, const char *name);

#endif
