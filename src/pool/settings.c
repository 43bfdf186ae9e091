#include "pool/settings.h"

#include "base/log.h"
#include "base/number.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>

#define DAY 86400
#define MAX_WORKERS 10000

enum {
	OPTION_START_TIMEOUT = 256,
	OPTION_SCALE_INTERVAL,
	OPTION_SCALE_OUT,
	OPTION_SCALE_IN,
	OPTION_SCALE_OUT_COOLDOWN,
	OPTION_SCALE_IN_COOLDOWN,
	OPTION_EMA_ALPHA,
	OPTION_TEMPLATE,
};

#define OPTIONS "U:m:x:r:i:b:c:s:z:p:o:f:F:lDq:Q:S:ZGhvw:W:V:I:a:M:R:Y:t:TuL:N:X:P:kO:Ady:E"

static const struct option long_options[] = {
	{ "start-timeout", required_argument, NULL, OPTION_START_TIMEOUT },
	{ "autoscale-interval", required_argument, NULL, OPTION_SCALE_INTERVAL },
	{ "scale-out", required_argument, NULL, OPTION_SCALE_OUT },
	{ "scale-in", required_argument, NULL, OPTION_SCALE_IN },
	{ "scale-out-cooldown", required_argument, NULL, OPTION_SCALE_OUT_COOLDOWN },
	{ "scale-in-cooldown", required_argument, NULL, OPTION_SCALE_IN_COOLDOWN },
	{ "ema-alpha", required_argument, NULL, OPTION_EMA_ALPHA },
	{ "template", required_argument, NULL, OPTION_TEMPLATE },
	{ NULL, 0, NULL, 0 },
};

const char settings_usage[] =
	"Usage: mimedefang-multiplexor -U USER [OPTION]..\n"
	"Workers\n"
	"  -m N        least number of workers (0)\n"
	"  -x N        greatest number of workers (2)\n"
	"  -r N        requests that a worker handles before it is replaced (500)\n"
	"  -V SECONDS  greatest age of a worker, from its first request (0: no limit)\n"
	"  -i SECONDS  end workers above the minimum that are idle for so long (300)\n"
	"  -b SECONDS  kill a worker that is busy with a request for so long (120)\n"
	"  -w SECONDS  pace of starting workers up to the minimum (3)\n"
	"  -W SECONDS  least time between two starts of workers (0)\n"
	"  --start-timeout SECONDS  time that a worker has for its first answer (60)\n"
	"  -E          load the filter once, and fork workers of that process\n"
	"  --template PROGRAM  which does so (the one that comes with this program)\n"
	"  -M KBYTES   limit of a worker's memory (0: none)\n"
	"  -R KBYTES   replace a worker whose resident memory is above, kill it above twice that (0: never)\n"
	"  -X SECONDS  have a worker run the filter's periodic work so often (0: never)\n"
	"  -P N        so many independent ticks of -X, 0 to N-1 (1)\n"
	"  -Z          workers report what they do on their descriptor 3\n"
	"  -f PATH     worker program (the installed mimedefang.pl)\n"
	"  -F RULES    filter, passed to the worker program as -f RULES\n"
	"Autoscaling\n"
	"  -k          start and end workers by the share of busy ones\n"
	"  --autoscale-interval SECONDS  how often that is looked at (15)\n"
	"  --scale-out PERCENT           start one above this average (80)\n"
	"  --scale-in PERCENT            end one below it (30)\n"
	"  --scale-out-cooldown SECONDS  pause after a start before the next (5)\n"
	"  --scale-in-cooldown SECONDS   pause after a start or an end before an end (30)\n"
	"  --ema-alpha PERCENT           weight of the newest reading in the average (25)\n"
	"Requests\n"
	"  -s PATH     socket for requests (mimedefang-multiplexor.sock in the spool folder)\n"
	"  -a SOCKET   socket for requests of everybody, without the privileged ones\n"
	"  -N SOCKET   socket for map look-ups of the mail server\n"
	"  -O SOCKET   socket for programs that want to hear of what happens\n"
	"  -I N        backlog of the sockets (a quarter of -x, within 5 to 200)\n"
	"  -c SECONDS  time for a request to be read, or a reply to be written (10)\n"
	"  -q N        requests that may wait for a free worker (0)\n"
	"  -Q SECONDS  how long they wait (30)\n"
	"  -y N        recipient checks of one domain at a time (0: no limit)\n"
	"Process\n"
	"  -U USER     run as USER\n"
	"  -G          let the group use sockets and files\n"
	"  -z DIR      spool folder (" SETTINGS_SPOOL ")\n"
	"  -p FILE     pid file\n"
	"  -o FILE     lock file (the pid file's name and .lock)\n"
	"  -D          stay in the foreground\n"
	"  -S FACILITY syslog facility (mail)\n"
	"  -Y LABEL    syslog tag (mimedefang-multiplexor)\n"
	"  -t FILE     append records of starts, ends and scans to FILE\n"
	"  -u          write each record at once\n"
	"  -T          send the records to syslog\n"
	"  -L SECONDS  log the state of the workers so often (0: never)\n"
	"  -l          log starts, ends and standard error of workers\n"
	"  -A          log which worker is chosen for each request\n"
	"  -d          log every event, at debug level\n"
	"  -h          this text\n"
	"  -v          version\n";

/* Numbers: range as given on the command line, and what one of them is in the struct. */
static const struct number_option {
	int letter;
	int64_t least, most;
	int64_t unit;
	size_t offset;
} number_options[] = {
	{ 'm', 0, MAX_WORKERS, 1, offsetof(struct settings, min_workers) },
	{ 'x', 1, MAX_WORKERS, 1, offsetof(struct settings, max_workers) },
	{ 'r', 1, 1000000000, 1, offsetof(struct settings, max_requests) },
	{ 'V', 0, 365 * DAY, 1000, offsetof(struct settings, lifetime_ms) },
	{ 'i', 1, 365 * DAY, 1000, offsetof(struct settings, idle_ms) },
	{ 'b', 1, DAY, 1000, offsetof(struct settings, busy_ms) },
	{ 'c', 1, DAY, 1000, offsetof(struct settings, client_ms) },
	{ 'w', 1, DAY, 1000, offsetof(struct settings, fill_ms) },
	{ 'W', 0, DAY, 1000, offsetof(struct settings, spacing_ms) },
	{ 'q', 0, 1000000, 1, offsetof(struct settings, queue_limit) },
	{ 'Q', 1, DAY, 1000, offsetof(struct settings, queue_ms) },
	{ 'X', 0, 365 * DAY, 1000, offsetof(struct settings, tick_ms) },
	{ 'y', 0, MAX_WORKERS, 1, offsetof(struct settings, domain_limit) },
	{ 'P', 1, 30, 1, offsetof(struct settings, parallel_ticks) },
	{ 'I', 1, 65535, 1, offsetof(struct settings, backlog) },
	{ 'L', 0, DAY, 1000, offsetof(struct settings, status_log_ms) },
	{ 'M', 0, INT64_C(1) << 40, 1024, offsetof(struct settings, worker_memory) },
	{ 'R', 0, INT64_C(1) << 40, 1, offsetof(struct settings, rss_limit_kb) },
	{ OPTION_START_TIMEOUT, 1, DAY, 1000, offsetof(struct settings, start_ms) },
	{ OPTION_SCALE_INTERVAL, 1, DAY, 1000, offsetof(struct settings, scale_interval_ms) },
	{ OPTION_SCALE_OUT, 1, 100, 1, offsetof(struct settings, scale_out_percent) },
	{ OPTION_SCALE_IN, 0, 99, 1, offsetof(struct settings, scale_in_percent) },
	{ OPTION_SCALE_OUT_COOLDOWN, 0, DAY, 1000, offsetof(struct settings, scale_out_cooldown_ms) },
	{ OPTION_SCALE_IN_COOLDOWN, 0, DAY, 1000, offsetof(struct settings, scale_in_cooldown_ms) },
	{ OPTION_EMA_ALPHA, 1, 100, 1, offsetof(struct settings, scale_weight_percent) },
};

static const struct text_option {
	int letter;
	size_t offset;
} text_options[] = {
	{ 'U', offsetof(struct settings, user) },
	{ 'z', offsetof(struct settings, spool) },
	{ 'p', offsetof(struct settings, pidfile) },
	{ 'F', offsetof(struct settings, rules) },
	{ 'Y', offsetof(struct settings, label) },
	{ 'a', offsetof(struct settings, open_socket) },
	{ 't', offsetof(struct settings, stats_file) },
	{ 'N', offsetof(struct settings, map_socket) },
	{ 'O', offsetof(struct settings, notify_socket) },
	{ OPTION_TEMPLATE, offsetof(struct settings, template_program) },
};

static const struct flag_option {
	int letter;
	size_t offset;
} flag_options[] = {
	{ 'l', offsetof(struct settings, verbose) },
	{ 'D', offsetof(struct settings, foreground) },
	{ 'Z', offsetof(struct settings, status_pipe) },
	{ 'E', offsetof(struct settings, preload) },
	{ 'T', offsetof(struct settings, stats_syslog) },
	{ 'u', offsetof(struct settings, stats_unbuffered) },
	{ 'k', offsetof(struct settings, autoscale) },
	{ 'G', offsetof(struct settings, group_access) },
	{ 'A', offsetof(struct settings, log_choices) },
	{ 'd', offsetof(struct settings, debug) },
};

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define FIELD(s, offset, type) ((type *)(void *)((char *)(s) + (offset)))

static const char *option_name(int letter)
{
	static char name[40];

	snprintf(name, sizeof(name), "-%c", letter);
	for (const struct option *o = long_options; o->name != NULL; o++) {
		if (o->val == letter)
			snprintf(name, sizeof(name), "--%s", o->name);
	}
	return name;
}

/* Replace an owned string. */
static int text_set(char **field, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return EX_OSERR;
	free(*field);
	*field = copy;
	return 0;
}

static int number_set(struct settings *s, const struct number_option *o, const char *value, char *error)
{
	int64_t n;

	switch (number_parse(value, o->least, o->most, &n)) {
	case 0:
		*FIELD(s, o->offset, int64_t) = n * o->unit;
		return 0;
	case -ERANGE:
		snprintf(error, SETTINGS_ERROR_MAX, "Option %s: '%s' is out of range (%lld to %lld)",
			 option_name(o->letter), value, (long long)o->least, (long long)o->most);
		return EX_USAGE;
	default:
		snprintf(error, SETTINGS_ERROR_MAX, "Option %s: '%s' is not a number", option_name(o->letter),
			 value);
		return EX_USAGE;
	}
}

static int facility_set(struct settings *s, const char *name, char *error)
{
	int facility = log_facility(name);

	if (facility < 0) {
		snprintf(error, SETTINGS_ERROR_MAX, "Unknown syslog facility %s", name);
		return EX_USAGE;
	}
	s->facility = facility;
	return 0;
}

static int program_set(struct settings *s, const char *path, char *error)
{
	if (path[0] != '/') {
		snprintf(error, SETTINGS_ERROR_MAX,
			 "-f: You must supply an absolute path for filter program");
		return EX_USAGE;
	}
	return text_set(&s->program, path);
}

/* The options that no table above describes. */
static int special_set(struct settings *s, int letter, const char *value, char *error)
{
	switch (letter) {
	case 'f':
		return program_set(s, value, error);
	case 's':
		return text_set(&s->socket, value);
	case 'o':
		return text_set(&s->lockfile, value);
	case 'S':
		return facility_set(s, value, error);
	case 'h':
		s->action = SETTINGS_HELP;
		return 0;
	case 'v':
		s->action = SETTINGS_VERSION;
		return 0;
	default:
		assert(!"an option without a table");
		return EX_SOFTWARE;
	}
}

static int option_set(struct settings *s, int letter, const char *value, char *error)
{
	for (size_t i = 0; i < LENGTH(number_options); i++) {
		if (number_options[i].letter == letter)
			return number_set(s, &number_options[i], value, error);
	}
	for (size_t i = 0; i < LENGTH(flag_options); i++) {
		if (flag_options[i].letter == letter) {
			*FIELD(s, flag_options[i].offset, bool) = true;
			return 0;
		}
	}
	if (value != NULL && value[0] == '\0') {
		snprintf(error, SETTINGS_ERROR_MAX, "Option %s needs a value", option_name(letter));
		return EX_USAGE;
	}
	for (size_t i = 0; i < LENGTH(text_options); i++) {
		if (text_options[i].letter == letter) {
			*FIELD(s, text_options[i].offset, const char *) = value;
			return 0;
		}
	}
	return special_set(s, letter, value, error);
}

static int options_read(int argc, char *argv[], struct settings *s, char *error)
{
	int letter, status;

	optind = 0; /* begin anew: the tests parse many command lines */
	while ((letter = getopt_long(argc, argv, ":" OPTIONS, long_options, NULL)) != -1) {
		if (letter == ':' || letter == '?') {
			snprintf(error, SETTINGS_ERROR_MAX,
				 letter == ':' ? "Option %s needs a value" : "Unknown option %s",
				 optopt > 0 && optopt < 128 ? option_name(optopt) : argv[optind - 1]);
			return EX_USAGE;
		}
		if ((status = option_set(s, letter, optarg, error)) != 0)
			return status;
	}
	if (optind < argc) {
		snprintf(error, SETTINGS_ERROR_MAX, "Unexpected argument '%s'", argv[optind]);
		return EX_USAGE;
	}
	return 0;
}

static int address_set(int letter, const char *text, struct address *out, char *error)
{
	enum address_error e = address_parse(text, ADDRESS_LOOPBACK, out);

	if (e == ADDRESS_OK)
		return 0;
	snprintf(error, SETTINGS_ERROR_MAX, "Option %s: '%s': %s", option_name(letter), text,
		 address_error_text(e));
	return EX_USAGE;
}

static int sockets_set(struct settings *s, char *error)
{
	int status;

	if (s->socket == NULL && asprintf(&s->socket, "%s/mimedefang-multiplexor.sock", s->spool) == -1) {
		s->socket = NULL;
		return EX_OSERR;
	}
	if ((status = address_set('s', s->socket, &s->address, error)) != 0)
		return status;
	if (!address_is_unix(&s->address)) {
		snprintf(error, SETTINGS_ERROR_MAX,
			 "Argument to -s option must be a UNIX-domain socket, not a TCP socket.");
		return EX_USAGE;
	}
	if (s->open_socket != NULL &&
	    (status = address_set('a', s->open_socket, &s->open_address, error)) != 0)
		return status;
	if (s->map_socket != NULL && (status = address_set('N', s->map_socket, &s->map_address, error)) != 0)
		return status;
	if (s->notify_socket != NULL &&
	    (status = address_set('O', s->notify_socket, &s->notify_address, error)) != 0)
		return status;
	return 0;
}

/* What follows from several options, or from one that was not given. */
static int settings_complete(struct settings *s, char *error)
{
	if (s->min_workers > s->max_workers) {
		snprintf(error, SETTINGS_ERROR_MAX, "Option -m: %lld is more than the %lld workers of -x",
			 (long long)s->min_workers, (long long)s->max_workers);
		return EX_USAGE;
	}
	if (s->scale_in_percent >= s->scale_out_percent) {
		snprintf(error, SETTINGS_ERROR_MAX,
			 "Option --scale-in: %lld is not less than the %lld of --scale-out",
			 (long long)s->scale_in_percent, (long long)s->scale_out_percent);
		return EX_USAGE;
	}
	if (s->spool[0] != '/') {
		snprintf(error, SETTINGS_ERROR_MAX, "Option -z: '%s' is not an absolute path", s->spool);
		return EX_USAGE;
	}
	if (s->backlog == 0) {
		int64_t quarter = s->max_workers / 4;

		s->backlog = quarter < 5 ? 5 : quarter > 200 ? 200 : quarter;
	}
	if (s->lockfile == NULL && s->pidfile != NULL &&
	    asprintf(&s->lockfile, "%s.lock", s->pidfile) == -1) {
		s->lockfile = NULL;
		return EX_OSERR;
	}
	return sockets_set(s, error);
}

int settings_parse(int argc, char *argv[], struct settings *out, char error[SETTINGS_ERROR_MAX])
{
	int status;

	*out = (struct settings){
		.max_workers = 2,
		.max_requests = 500,
		.idle_ms = 300000,
		.fill_ms = 3000,
		.start_ms = 60000,
		.busy_ms = 120000,
		.client_ms = 10000,
		.queue_ms = 30000,
		.scale_interval_ms = 15000,
		.scale_out_percent = 80,
		.scale_in_percent = 30,
		.scale_out_cooldown_ms = 5000,
		.scale_in_cooldown_ms = 30000,
		.scale_weight_percent = 25,
		.parallel_ticks = 1,
		.spool = SETTINGS_SPOOL,
		.label = "mimedefang-multiplexor",
		.facility = LOG_MAIL,
	};
	snprintf(error, SETTINGS_ERROR_MAX, "%s", strerror(ENOMEM)); /* what EX_OSERR means here */
	if ((status = options_read(argc, argv, out, error)) != 0 || out->action != SETTINGS_RUN)
		return status;
	return settings_complete(out, error);
}

void settings_free(struct settings *s)
{
	free(s->program);
	free(s->socket);
	free(s->lockfile);
	*s = (struct settings){ 0 };
}
