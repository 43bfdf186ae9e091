#include "milter/settings.h"

#include "base/log.h"
#include "base/number.h"
#include "proto/mailpath.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>

#define DAY 86400

enum {
	OPTION_MAX_RESULTS = 256,
	OPTION_CONF_DIR,
	OPTION_WAIT_CONTROLLER,
	OPTION_COMMAND_TIMEOUT,
	OPTION_CONTENT_TIMEOUT,
	OPTION_SCAN_TIMEOUT,
	OPTION_PROGRESS,
	OPTION_IDLE_TIMEOUT,
	OPTION_MAX_SESSIONS,
	OPTION_LOOPS,
	OPTION_GRACE,
	OPTION_NO_SUMMARY,
	OPTION_STATUS,
};

#define OPTIONS ":U:p:m:z:P:o:S:R:x:a:b:L:DGrHstqXdkcCNyTMhv"

static const struct option long_options[] = {
	{ "max-results", required_argument, NULL, OPTION_MAX_RESULTS },
	{ "conf-dir", required_argument, NULL, OPTION_CONF_DIR },
	{ "wait-controller", required_argument, NULL, OPTION_WAIT_CONTROLLER },
	{ "command-timeout", required_argument, NULL, OPTION_COMMAND_TIMEOUT },
	{ "content-timeout", required_argument, NULL, OPTION_CONTENT_TIMEOUT },
	{ "scan-timeout", required_argument, NULL, OPTION_SCAN_TIMEOUT },
	{ "progress", required_argument, NULL, OPTION_PROGRESS },
	{ "idle-timeout", required_argument, NULL, OPTION_IDLE_TIMEOUT },
	{ "loops", required_argument, NULL, OPTION_LOOPS },
	{ "grace", required_argument, NULL, OPTION_GRACE },
	{ "max-sessions", required_argument, NULL, OPTION_MAX_SESSIONS },
	{ "status", required_argument, NULL, OPTION_STATUS },
	{ "no-summary", no_argument, NULL, OPTION_NO_SUMMARY },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"  -p CONNECTION      listen for the MTA: unix:PATH, local:PATH, inet:PORT@HOST, inet6:PORT@HOST\n"
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
	"  --status SOCKET    answer questions about our state there\n"
	"  --no-summary       do not log a line about each message\n"
	"  -C -M              accepted for compatibility, without effect\n"
	"  --max-results N    largest RESULTS file in bytes (default 16777216)\n"
	"  --conf-dir DIR     where mimedefang-ip-key lies (default " DEFANG_CONFDIR ")\n"
	"  --wait-controller SECONDS\n"
	"                     wait so long at the start for it to answer (default 20)\n"
	"  --command-timeout SECONDS\n"
	"                     answer each command within so long (default 25)\n"
	"  --content-timeout SECONDS\n"
	"                     the same for a message, where the MTA cannot be told to wait (default 270)\n"
	"  --scan-timeout SECONDS\n"
	"                     longest scan of a message, 0 for no limit (default 540)\n"
	"  --progress SECONDS tell the MTA so often that a scan goes on, 0 for never (default 3)\n"
	"  --idle-timeout SECONDS\n"
	"                     close a connection on which the MTA is silent for so long (default 7210)\n"
	"  --loops N          event loops, each on a thread (default: one a processor, up to 4)\n"
	"  --grace SECONDS    time for the messages in hand at the end (default 5)\n"
	"  --max-sessions N   refuse connections for now above so many (default: by the descriptors)\n"
	"  -h                 this text\n"
	"  -v                 print the version\n"
	"  prcap              (alone) print what the milter engine can do\n";

void settings_usage(struct buf *out, const char *name)
{
	buf_addf(out, "usage: %s -p CONNECTION -m PATH [OPTION..]\n", name);
	buf_adds(out, usage);
}

static const struct number_option {
	int letter;
	int64_t least, most;
	size_t offset;
} number_options[] = {
	{ 'R', INT_MIN, INT_MAX, offsetof(struct settings, reserved) },
	{ 'b', 1, INT_MAX, offsetof(struct settings, backlog) },
	{ OPTION_MAX_RESULTS, 1024, 1 << 30, offsetof(struct settings, max_results) },
	{ OPTION_WAIT_CONTROLLER, 1, DAY, offsetof(struct settings, wait_controller_s) },
	{ OPTION_COMMAND_TIMEOUT, 1, DAY, offsetof(struct settings, command_timeout_s) },
	{ OPTION_CONTENT_TIMEOUT, 1, DAY, offsetof(struct settings, content_timeout_s) },
	{ OPTION_SCAN_TIMEOUT, 0, DAY, offsetof(struct settings, scan_timeout_s) },
	{ OPTION_PROGRESS, 0, DAY, offsetof(struct settings, progress_s) },
	{ OPTION_MAX_SESSIONS, 1, 1 << 24, offsetof(struct settings, max_sessions) },
	{ OPTION_IDLE_TIMEOUT, 1, DAY, offsetof(struct settings, idle_timeout_s) },
	{ OPTION_LOOPS, 1, 64, offsetof(struct settings, loops) },
	{ OPTION_GRACE, 0, DAY, offsetof(struct settings, grace_s) },
};

static const struct text_option {
	int letter;
	bool path; /* has to be an absolute one: we change into the spool folder */
	size_t offset;
} text_options[] = {
	{ 'U', false, offsetof(struct settings, user) },
	{ 'z', true, offsetof(struct settings, spool) },
	{ 'P', true, offsetof(struct settings, pid_file) },
	{ 'o', true, offsetof(struct settings, lock_file) },
	{ OPTION_CONF_DIR, true, offsetof(struct settings, conf_dir) },
};

static const struct flag_option {
	int letter;
	size_t offset;
} flag_options[] = {
	{ 'D', offsetof(struct settings, foreground) },
	{ 'G', offsetof(struct settings, group) },
	{ 'r', offsetof(struct settings, relay_check) },
	{ 'H', offsetof(struct settings, helo_check) },
	{ 's', offsetof(struct settings, sender_check) },
	{ 't', offsetof(struct settings, recipient_check) },
	{ 'q', offsetof(struct settings, queue_connections) },
	{ 'X', offsetof(struct settings, no_scanned_by) },
	{ 'd', offsetof(struct settings, keep_dirs) },
	{ 'k', offsetof(struct settings, keep_failed) },
	{ 'c', offsetof(struct settings, strip_cr) },
	{ 'N', offsetof(struct settings, hide_refused) },
	{ 'y', offsetof(struct settings, ask_macros) },
	{ 'T', offsetof(struct settings, log_times) },
	{ OPTION_NO_SUMMARY, offsetof(struct settings, no_summary) },
	{ 'C', offsetof(struct settings, ignored) },
	{ 'M', offsetof(struct settings, ignored) },
};

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define FIELD(s, offset, type) ((type *)(void *)((char *)(s) + (offset)))

/* One command line on its way into the struct. */
struct parse {
	struct settings *out;
	const char *program;
	struct buf *error;
};

/* All that set something return 0, or -1 with an error text. */

__attribute__((format(printf, 2, 3))) static int bad(struct parse *p, const char *format, ...)
{
	va_list ap;

	buf_addf(p->error, "%s: ", p->program);
	va_start(ap, format);
	buf_addv(p->error, format, ap);
	va_end(ap);
	return -1;
}

static const char *option_name(int letter)
{
	static char name[40];

	snprintf(name, sizeof(name), "-%c", letter);
	for (const struct option *o = long_options; o->name != NULL && letter > UCHAR_MAX; o++)
		if (o->val == letter)
			snprintf(name, sizeof(name), "--%s", o->name);
	return name;
}

static int set_number(struct parse *p, const struct number_option *o, const char *value)
{
	switch (number_parse(value, o->least, o->most, FIELD(p->out, o->offset, int64_t))) {
	case 0:
		return 0;
	case -ERANGE:
		return bad(p, "Option %s: '%s' is out of range (%lld to %lld)", option_name(o->letter), value,
			   (long long)o->least, (long long)o->most);
	default:
		return bad(p, "Option %s: '%s' is not a number", option_name(o->letter), value);
	}
}

static int set_text(struct parse *p, const struct text_option *o, const char *value)
{
	if (o->path && value[0] != '/')
		return bad(p, "Option %s: '%s' is not an absolute path", option_name(o->letter), value);
	*FIELD(p->out, o->offset, const char *) = value;
	return 0;
}

/* A host of -p may be a name, which is looked up at the start. */
static int set_socket(struct parse *p, const char *text)
{
	enum address_error e = address_parse(text, ADDRESS_WILDCARD, &p->out->socket);

	if (e != ADDRESS_OK && e != ADDRESS_NAMED_HOST)
		return bad(p, "Option -p: '%s': %s", text, address_error_text(e));
	if (e == ADDRESS_NAMED_HOST)
		p->out->socket.len = 0;
	p->out->socket_text = text;
	return 0;
}

static int set_pool(struct parse *p, const char *text)
{
	enum address_error e = address_parse(text, ADDRESS_LOOPBACK, &p->out->pool);

	return e == ADDRESS_OK ? 0 : bad(p, "Option -m: '%s': %s", text, address_error_text(e));
}

static int set_status(struct parse *p, const char *text)
{
	enum address_error e = address_parse(text, ADDRESS_LOOPBACK, &p->out->status);

	p->out->status_text = text;
	return e == ADDRESS_OK ? 0 : bad(p, "Option --status: '%s': %s", text, address_error_text(e));
}

static int set_facility(struct parse *p, const char *name)
{
	int facility = log_facility(name);

	if (facility < 0)
		return bad(p, "Unknown syslog facility %s", name);
	p->out->facility = facility;
	return 0;
}

/* Bytes that could not be in one line of a header, or of COMMANDS. */
static bool has_control_bytes(const char *text)
{
	for (; *text != '\0'; text++)
		if (iscntrl((unsigned char)*text))
			return true;
	return false;
}

static int set_scanned_by(struct parse *p, const char *text)
{
	if (has_control_bytes(text))
		return bad(p, "Option -x: a header's text has no control bytes");
	if (strlen(text) > SETTINGS_MAX_SCANNED_BY)
		return bad(p, "Option -x: longer than %d bytes", SETTINGS_MAX_SCANNED_BY);
	p->out->scanned_by = text;
	return 0;
}

static int add_macro(struct parse *p, const char *name)
{
	if (p->out->n_macros == SETTINGS_MAX_MACROS)
		return bad(p, "Too many Sendmail macros (max %d)", SETTINGS_MAX_MACROS);
	if (strlen(name) > SETTINGS_MAX_MACRO_NAME)
		return bad(p, "Macro name too long: %s", name);
	if (strpbrk(name, "{} ,") != NULL || has_control_bytes(name))
		return bad(p, "Option -a: '%s' is not a macro's name, which is given without braces", name);
	p->out->macros[p->out->n_macros++] = name;
	return 0;
}

static int set_like_loopback(struct parse *p, const char *address)
{
	if (mailpath_client_ip(address, p->out->like_loopback) < 0)
		return bad(p, "Option -L: '%s' is not an IP address", address);
	return 0;
}

/* The options that no table above describes. */
static int set_special(struct parse *p, int letter, const char *value)
{
	switch (letter) {
	case 'p':
		return set_socket(p, value);
	case 'm':
		return set_pool(p, value);
	case OPTION_STATUS:
		return set_status(p, value);
	case 'S':
		return set_facility(p, value);
	case 'x':
		return set_scanned_by(p, value);
	case 'a':
		return add_macro(p, value);
	case 'L':
		return set_like_loopback(p, value);
	default:
		assert(!"an option without a table");
		return -1;
	}
}

static int set_option(struct parse *p, int letter, const char *value)
{
	for (size_t i = 0; i < LENGTH(flag_options); i++) {
		if (flag_options[i].letter == letter) {
			*FIELD(p->out, flag_options[i].offset, bool) = true;
			return 0;
		}
	}
	for (size_t i = 0; i < LENGTH(number_options); i++)
		if (number_options[i].letter == letter)
			return set_number(p, &number_options[i], value);
	if (value[0] == '\0' && letter != 'x') /* an empty -x means no header */
		return bad(p, "Option %s needs a value", option_name(letter));
	for (size_t i = 0; i < LENGTH(text_options); i++)
		if (text_options[i].letter == letter)
			return set_text(p, &text_options[i], value);
	return set_special(p, letter, value);
}

/* `argument` is what getopt was looking at, `letter` what it said of it. */
static int refuse(struct parse *p, int letter, const char *argument)
{
	return bad(p, letter == ':' ? "Option %s needs a value" : "Unknown option %s",
		   optopt > 0 && optopt <= UCHAR_MAX ? option_name(optopt) : argument);
}

/* What follows from several options, or from one that is missing. */
static int complete(struct parse *p)
{
	struct settings *s = p->out;

	if (s->socket_text == NULL)
		return bad(p, "You must use the `-p' option.");
	if (s->pool.len == 0)
		return bad(p, "You must use the `-m' option.");
	if (s->reserved < -1)
		s->reserved = -1;
	if (s->backlog < SETTINGS_MIN_BACKLOG)
		s->backlog = SETTINGS_MIN_BACKLOG;
	if (s->no_scanned_by)
		s->scanned_by = "";
	return 0;
}

static enum settings_wish read_options(struct parse *p, int argc, char *argv[])
{
	int letter;

	optind = 0; /* glibc: begin anew, so that tests may parse many times */
	opterr = 0;
	while ((letter = getopt_long(argc, argv, OPTIONS, long_options, NULL)) != -1) {
		if (letter == 'h')
			return SETTINGS_USAGE;
		if (letter == 'v')
			return SETTINGS_VERSION;
		if (letter == '?' || letter == ':') {
			refuse(p, letter, argv[optind - 1]);
			return SETTINGS_BAD;
		}
		if (set_option(p, letter, optarg) < 0)
			return SETTINGS_BAD;
	}
	if (optind < argc) {
		bad(p, "Unexpected argument '%s'", argv[optind]);
		return SETTINGS_BAD;
	}
	return complete(p) == 0 ? SETTINGS_RUN : SETTINGS_BAD;
}

enum settings_wish settings_parse(int argc, char *argv[], struct settings *out, struct buf *error)
{
	struct parse p = { .out = out, .program = argc > 0 ? argv[0] : "mimedefang", .error = error };

	*out = (struct settings){
		.spool = SETTINGS_SPOOL,
		.conf_dir = DEFANG_CONFDIR,
		.facility = LOG_MAIL,
		.backlog = SOMAXCONN,
		.reserved = -1,
		.scanned_by = "MIMEDefang " DEFANG_VERSION,
		.max_results = 16 << 20,
		.wait_controller_s = 20,
		.grace_s = 5,             /* a SIGTERM has always ended it within about that */
		.command_timeout_s = 25,  /* Postfix waits for 30 s */
		.content_timeout_s = 270, /* and for 300 s, as does Sendmail (T=E) */
		.scan_timeout_s = 540,    /* an SMTP client waits for 10 minutes (RFC 5321) */
		.progress_s = 3,          /* a third of Sendmail's T=R */
		.idle_timeout_s = 7210,   /* as libmilter has it */
	};
	if (argc == 2 && strcmp(argv[1], "prcap") == 0)
		return SETTINGS_CAPABILITIES;
	return read_options(&p, argc, argv);
}
