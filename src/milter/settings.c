#include "milter/settings.h"

#include "base/log.h"
#include "base/number.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>

#define DEFAULT_MAX_RESULTS (16 << 20)
#define LEAST_MAX_RESULTS 1024
#define MOST_MAX_RESULTS (1 << 30)
#define DEFAULT_WAIT_CONTROLLER_S 20
#define MOST_WAIT_CONTROLLER_S 86400

enum { LONG_MAX_RESULTS = 256, LONG_CONF_DIR, LONG_WAIT_CONTROLLER };

#define OPTIONS ":U:p:m:z:P:o:S:R:x:a:b:L:DGrHstqXdkcCNyTMhv"

static const struct option long_options[] = {
	{ "max-results", required_argument, NULL, LONG_MAX_RESULTS },
	{ "conf-dir", required_argument, NULL, LONG_CONF_DIR },
	{ "wait-controller", required_argument, NULL, LONG_WAIT_CONTROLLER },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"  -p CONNECTION      listen for the MTA: unix:PATH, inet:PORT@HOST, inet6:PORT@HOST\n"
	"  -m PATH            the socket of mimedefang-multiplexor\n"
	"  -U USER            run as this user (needed when started as root)\n"
	"  -z DIR             spool directory (default " SETTINGS_SPOOL ")\n"
	"  -P FILE            write the process id there\n"
	"  -o FILE            lock file (default: the pid file's name with .lock)\n"
	"  -S FACILITY        syslog facility (default mail)\n"
	"  -D                 stay in the foreground\n"
	"  -G                 let the group use socket and files\n"
	"  -b N               backlog of the socket, at least 5\n"
	"  -r -H -s -t        let the filter check relay, HELO, sender, recipients\n"
	"  -q                 take connections when no worker is free, and let them queue\n"
	"  -R N               refuse clients other than this host below N free workers\n"
	"  -L ADDRESS         show this client address to the filter as 127.0.0.1\n"
	"  -a MACRO           hand this macro on to the filter, too (up to 30 times)\n"
	"  -y                 ask the MTA for the macros that the filter gets\n"
	"  -N                 do not see recipients that the MTA itself refuses\n"
	"  -c                 strip CRs from message bodies that no LF follows\n"
	"  -x TEXT            text of the X-Scanned-By header\n"
	"  -X                 add no X-Scanned-By header\n"
	"  -d                 keep all work directories\n"
	"  -k                 keep the work directory when the filter fails\n"
	"  -T                 log the time that the filter takes\n"
	"  -C -M              accepted for compatibility, without effect\n"
	"  --max-results N    largest RESULTS file in bytes (default 16777216)\n"
	"  --conf-dir DIR     where mimedefang-ip-key lies (default " DEFANG_CONFDIR ")\n"
	"  --wait-controller SECONDS\n"
	"                     wait so long at the start for it to answer (default 20)\n"
	"  -h                 this text\n"
	"  -v                 print the version\n";

void settings_usage(struct buf *out, const char *name)
{
	buf_addf(out, "usage: %s -p CONNECTION -m PATH [OPTION..]\n", name);
	buf_adds(out, usage);
}

static void set_defaults(struct settings *s)
{
	*s = (struct settings){
		.spool = SETTINGS_SPOOL,
		.conf_dir = DEFANG_CONFDIR,
		.facility = LOG_MAIL,
		.backlog = SOMAXCONN,
		.reserved = -1,
		.scanned_by = "MIMEDefang " DEFANG_VERSION,
		.max_results = DEFAULT_MAX_RESULTS,
		.wait_controller_s = DEFAULT_WAIT_CONTROLLER_S,
	};
}

/* Options that only switch something on. False when `option` is none of them. */
static bool set_flag(struct settings *s, int option)
{
	switch (option) {
	case 'D':
		s->foreground = true;
		return true;
	case 'G':
		s->group = true;
		return true;
	case 'r':
		s->relay_check = true;
		return true;
	case 'H':
		s->helo_check = true;
		return true;
	case 's':
		s->sender_check = true;
		return true;
	case 't':
		s->recipient_check = true;
		return true;
	case 'q':
		s->queue_connections = true;
		return true;
	case 'X':
		s->scanned_by = "";
		return true;
	case 'd':
		s->keep_dirs = true;
		return true;
	case 'k':
		s->keep_failed = true;
		return true;
	case 'c':
		s->strip_cr = true;
		return true;
	case 'N':
		s->hide_refused = true;
		return true;
	case 'y':
		s->ask_macros = true;
		return true;
	case 'T':
		s->log_times = true;
		return true;
	case 'C': /* files are always opened when they are written, and no longer */
	case 'M': /* the engine is always able to be asked by several programs */
		return true;
	default:
		return false;
	}
}

static int bad(struct buf *error, const char *program, const char *what, const char *value)
{
	buf_addf(error, "%s: %s%s", program, what, value);
	return -1;
}

static int set_address(struct address *out, enum address_default host, char option, const char *text,
		       struct buf *error, const char *program)
{
	enum address_error e = address_parse(text, host, out);

	if (e == ADDRESS_OK)
		return 0;
	buf_addf(error, "%s: -%c %s: %s", program, option, text, address_error_text(e));
	return -1;
}

static int set_number(int64_t least, int64_t most, const char *option, const char *text, int64_t *out,
		      struct buf *error, const char *program)
{
	int rc = number_parse(text, least, most, out);

	if (rc == 0)
		return 0;
	buf_addf(error, "%s: %s %s: ", program, option, text);
	if (rc == -ERANGE)
		buf_addf(error, "must be %lld to %lld", (long long)least, (long long)most);
	else
		buf_adds(error, "not a number");
	return -1;
}

static int add_macro(struct settings *s, const char *name, struct buf *error, const char *program)
{
	if (s->n_macros == SETTINGS_MAX_MACROS)
		return bad(error, program, "Too many Sendmail macros (max 30)", "");
	if (strlen(name) > SETTINGS_MAX_MACRO_NAME)
		return bad(error, program, "Macro name too long: ", name);
	s->macros[s->n_macros++] = name;
	return 0;
}

/* Options with a number. */
static int set_count(struct settings *s, int option, const char *value, struct buf *error,
		     const char *program)
{
	int64_t n = 0;

	switch (option) {
	case 'R':
		if (set_number(INT_MIN, INT_MAX, "-R", value, &n, error, program) < 0)
			return -1;
		s->reserved = n < -1 ? -1 : (int)n;
		return 0;
	case 'b':
		if (set_number(1, INT_MAX, "-b", value, &n, error, program) < 0)
			return -1;
		s->backlog = n < SETTINGS_MIN_BACKLOG ? SETTINGS_MIN_BACKLOG : (int)n;
		return 0;
	case LONG_WAIT_CONTROLLER:
		if (set_number(1, MOST_WAIT_CONTROLLER_S, "--wait-controller", value, &n, error, program) < 0)
			return -1;
		s->wait_controller_s = (int)n;
		return 0;
	default: /* LONG_MAX_RESULTS */
		if (set_number(LEAST_MAX_RESULTS, MOST_MAX_RESULTS, "--max-results", value, &n, error,
			       program) < 0)
			return -1;
		s->max_results = (size_t)n;
		return 0;
	}
}

/* Options with a value. 0 or -1 with an error text. */
static int set_value(struct settings *s, int option, const char *value, struct buf *error,
		     const char *program)
{
	switch (option) {
	case 'U':
		s->user = value;
		return 0;
	case 'p':
		s->socket_text = value;
		return set_address(&s->socket, ADDRESS_WILDCARD, 'p', value, error, program);
	case 'm':
		return set_address(&s->pool, ADDRESS_LOOPBACK, 'm', value, error, program);
	case 'z':
		s->spool = value;
		return 0;
	case 'P':
		s->pid_file = value;
		return 0;
	case 'o':
		s->lock_file = value;
		return 0;
	case 'S':
		if ((s->facility = log_facility(value)) < 0)
			return bad(error, program, "Unknown syslog facility ", value);
		return 0;
	case 'x':
		s->scanned_by = value;
		return 0;
	case 'L':
		s->like_loopback = value;
		return 0;
	case 'a':
		return add_macro(s, value, error, program);
	case LONG_CONF_DIR:
		s->conf_dir = value;
		return 0;
	default:
		return set_count(s, option, value, error, program);
	}
}

/* What can be judged only when all options are known. */
static int check(const struct settings *s, struct buf *error, const char *program)
{
	if (s->socket.len == 0)
		return bad(error, program, "You must use the `-p' option.", "");
	if (s->pool.len == 0)
		return bad(error, program, "You must use the `-m' option.", "");
	if (s->spool[0] != '/')
		return bad(error, program, "-z: not an absolute path: ", s->spool);
	return 0;
}

/* `argument` is what getopt was looking at. */
static void report_unknown(struct buf *error, const char *program, int option, const char *argument)
{
	if (option == ':')
		buf_addf(error, "%s: option %s needs a value", program, argument);
	else if (optopt > 0 && optopt < 256)
		buf_addf(error, "%s: unknown option -%c", program, optopt);
	else
		buf_addf(error, "%s: unknown option %s", program, argument);
}

enum settings_wish settings_parse(int argc, char *argv[], struct settings *out, struct buf *error)
{
	const char *program = argc > 0 ? argv[0] : "mimedefang";
	int option;

	set_defaults(out);
	optind = 0; /* glibc: start anew, so that tests may parse many times */
	opterr = 0;
	while ((option = getopt_long(argc, argv, OPTIONS, long_options, NULL)) != -1) {
		if (option == 'h')
			return SETTINGS_USAGE;
		if (option == 'v')
			return SETTINGS_VERSION;
		if (option == '?' || option == ':') {
			report_unknown(error, program, option, argv[optind - 1]);
			return SETTINGS_BAD;
		}
		if (!set_flag(out, option) && set_value(out, option, optarg, error, program) < 0)
			return SETTINGS_BAD;
	}
	if (optind < argc) {
		bad(error, program, "unexpected argument: ", argv[optind]);
		return SETTINGS_BAD;
	}
	return check(out, error, program) == 0 ? SETTINGS_RUN : SETTINGS_BAD;
}
