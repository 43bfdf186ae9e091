/* settings.h - the options of mimedefang(8) as a struct. Parsing is pure: the caller prints and exits. */
#ifndef DEFANG_MILTER_SETTINGS_H
#define DEFANG_MILTER_SETTINGS_H

#include "base/address.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define SETTINGS_MAX_MACROS 30
#define SETTINGS_MAX_MACRO_NAME 200 /* bytes */
#define SETTINGS_MIN_BACKLOG 5
#define SETTINGS_SPOOL "/var/spool/MIMEDefang"

/* All strings are the caller's: argv's, or constants. */
struct settings {
	const char *user;        /* -U, or NULL */
	struct address socket;   /* -p */
	const char *socket_text; /* the same as written */
	struct address pool;     /* -m: the controller's socket */
	const char *spool;       /* -z: absolute path */
	const char *conf_dir;    /* --conf-dir: where mimedefang-ip-key lies */
	const char *pid_file;    /* -P, or NULL */
	const char *lock_file;   /* -o, or NULL: then the pid file's name with `.lock` */
	int facility;            /* -S: LOG_* */
	int backlog;             /* -b */
	bool foreground;         /* -D */
	bool group;              /* -G: the group may use socket and files */
	bool relay_check;        /* -r */
	bool helo_check;         /* -H */
	bool sender_check;       /* -s */
	bool recipient_check;    /* -t */
	bool queue_connections;  /* -q: do not ask for free workers at connect */
	int reserved;            /* -R: fewest free workers for a client that is not this host; -1: not set */
	const char *like_loopback;               /* -L: a client address shown as 127.0.0.1, or NULL */
	const char *scanned_by;                  /* -x: text of X-Scanned-By; "" with -X */
	bool keep_dirs;                          /* -d */
	bool keep_failed;                        /* -k */
	bool strip_cr;                           /* -c */
	bool hide_refused;                       /* -N: do not see recipients that the MTA refuses */
	bool ask_macros;                         /* -y: tell the MTA which macros we want */
	bool log_times;                          /* -T */
	const char *macros[SETTINGS_MAX_MACROS]; /* -a */
	int n_macros;
	size_t max_results;    /* --max-results: largest RESULTS file, in bytes */
	int wait_controller_s; /* --wait-controller: seconds to wait at the start for it to answer */
};

enum settings_wish {
	SETTINGS_RUN,
	SETTINGS_USAGE,   /* -h: print settings_usage(), exit 1 */
	SETTINGS_VERSION, /* -v */
	SETTINGS_BAD,     /* `error` says what, without a line end */
};

/* Not safe to be called by two threads at a time (getopt). *out is complete only with SETTINGS_RUN. */
enum settings_wish settings_parse(int argc, char *argv[], struct settings *out, struct buf *error);

/* The help text for program `name`. */
void settings_usage(struct buf *out, const char *name);

#endif
