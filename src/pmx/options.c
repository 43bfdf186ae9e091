#include "pmx/options.h"

#include "base/number.h"
#include "pmx/nearest.h"

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define OPTIONS "c"
#define LONGEST_WAIT 86400 /* seconds */

const char options_usage[] =
	"usage: pmx-milter [-c FILE] start|restart [OPTION..] [MILTER..]\n"
	"       pmx-milter [-c FILE] stop [-SIGNAL] [OPTION..] [MILTER..]\n"
	"       pmx-milter [-c FILE] status [--json] [--all] [MILTER..]\n"
	"       pmx-milter [-c FILE] check | mta postfix | mta sendmail\n"
	"       pmx-milter help | --version\n"
	"  start      start the enabled milters, or those named, that do not run\n"
	"  stop       stop all that run, or those named; -HUP or -TERM (default): finish what is in\n"
	"             hand; -INT or -QUIT: abort it; -KILL: end at once\n"
	"  restart    stop and start those that run, or those named; the port stays open meanwhile\n"
	"  status     show the milters that run\n"
	"  check      read the configuration, and say what is wrong with it\n"
	"  mta        the lines to put into main.cf or sendmail.mc\n"
	"  -c FILE    the configuration (default " DEFANG_CONFDIR "/pmx.conf)\n"
	"  --timeout SECONDS  wait so long for the start, or for the end\n"
	"  --no-wait  check and begin, and go on in the background\n"
	"  --escalate when time is over, abort, and then kill\n"
	"  --quiet    print errors only\n"
	"  --verbose  tell of disabled milters too\n"
	"  --json     the status as JSON\n"
	"  --all      the status of milters that do not run, too\n"
	"Exit status: 0 done; 1 failed; 2 usage; 3 (status) nothing runs; 4 not permitted;\n"
	"5 a program is missing; 6 bad configuration; 150 (status) some do not run.\n";

enum option_id {
	OPTION_TIMEOUT,
	OPTION_NO_WAIT,
	OPTION_QUIET,
	OPTION_VERBOSE,
	OPTION_ESCALATE,
	OPTION_JSON,
	OPTION_ALL,
	OPTION_HELP,
	OPTION_VERSION
};

static const struct option long_options[] = {
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "no-wait", no_argument, NULL, OPTION_NO_WAIT },
	{ "quiet", no_argument, NULL, OPTION_QUIET },
	{ "verbose", no_argument, NULL, OPTION_VERBOSE },
	{ "escalate", no_argument, NULL, OPTION_ESCALATE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "all", no_argument, NULL, OPTION_ALL },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
};

/* Commands, and the options that make sense with each. */
#define BIT(option) (1U << (option))
#define WAITING (BIT(OPTION_TIMEOUT) | BIT(OPTION_QUIET) | BIT(OPTION_VERBOSE))

static const struct verb {
	const char *name;
	enum command command;
	unsigned options;
	int least, most; /* names */
} verbs[] = {
	{ "start", COMMAND_START, WAITING | BIT(OPTION_NO_WAIT), 0, INT32_MAX },
	{ "stop", COMMAND_STOP, WAITING | BIT(OPTION_ESCALATE) | BIT(OPTION_NO_WAIT), 0, INT32_MAX },
	{ "restart", COMMAND_RESTART, WAITING | BIT(OPTION_ESCALATE) | BIT(OPTION_NO_WAIT), 0, INT32_MAX },
	{ "status", COMMAND_STATUS, BIT(OPTION_JSON) | BIT(OPTION_ALL) | BIT(OPTION_TIMEOUT), 0, INT32_MAX },
	{ "check", COMMAND_CHECK, BIT(OPTION_QUIET), 0, 0 },
	{ "mta", COMMAND_MTA, 0, 1, 1 },
	{ "help", COMMAND_HELP, 0, 0, INT32_MAX },
};

static const struct {
	const char *name;
	int number;
	enum ending ending;
} signals[] = {
	{ "HUP", 1, END_GRACEFUL }, { "TERM", 15, END_GRACEFUL }, { "INT", 2, END_ABORT },
	{ "QUIT", 3, END_ABORT },   { "KILL", 9, END_KILL },
};

struct parse {
	struct options *out;
	const struct verb *verb;
	unsigned given; /* options */
	struct buf *error;
};

__attribute__((format(printf, 2, 3))) static bool bad(struct parse *p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	buf_addv(p->error, format, ap);
	va_end(ap);
	return false;
}

static bool set_command(struct parse *p, const char *word)
{
	const char *best = NULL;
	size_t distance, best_distance = NEAREST_MAX;

	for (size_t i = 0; i < LENGTH(verbs); i++) {
		if (strcmp(verbs[i].name, word) == 0) {
			p->verb = &verbs[i];
			p->out->command = verbs[i].command;
			return true;
		}
		if ((distance = nearest_distance(word, verbs[i].name)) < best_distance) {
			best = verbs[i].name;
			best_distance = distance;
		}
	}
	if (best != NULL && nearest_is_near(word, best_distance))
		return bad(p, "unknown command '%s': did you mean '%s'?", word, best);
	return bad(p, "unknown command '%s'", word);
}

/* -HUP, -SIGHUP, -hup, -1: `word' stands behind the dash. */
static bool set_signal(struct parse *p, const char *word)
{
	const char *name = strncasecmp(word, "SIG", 3) == 0 ? word + 3 : word;
	int64_t number = 0;

	if (isdigit((unsigned char)word[0]))
		number_parse(word, 0, 255, &number);
	if (p->out->signal != NULL)
		return bad(p, "more than one signal");
	for (size_t i = 0; i < LENGTH(signals); i++) {
		if (strcasecmp(signals[i].name, name) == 0 || signals[i].number == number) {
			p->out->signal = signals[i].name;
			p->out->ending = signals[i].ending;
			return true;
		}
	}
	return bad(p, "'-%s' does not stop a milter: use -HUP, -TERM, -INT, -QUIT or -KILL", word);
}

static bool set_value(struct parse *p, int option, const char *value)
{
	struct options *o = p->out;
	bool *const flags[] = {
		[OPTION_NO_WAIT] = &o->no_wait,   [OPTION_QUIET] = &o->quiet, [OPTION_VERBOSE] = &o->verbose,
		[OPTION_ESCALATE] = &o->escalate, [OPTION_JSON] = &o->json,   [OPTION_ALL] = &o->all,
	};

	p->given |= BIT(option);
	if (option == OPTION_TIMEOUT)
		return number_parse(value, 0, LONGEST_WAIT, &o->timeout_s) == 0 ||
		       bad(p, "--timeout: '%s' is not a number of seconds (0 to 86400)", value);
	if (option == OPTION_HELP || option == OPTION_VERSION)
		o->command = option == OPTION_HELP ? COMMAND_HELP : COMMAND_VERSION;
	else
		*flags[option] = true;
	return true;
}

/* `word' stands behind the two dashes; `next' is the argument behind it. *used says whether that was the
 * value. */
static bool set_long(struct parse *p, const char *word, const char *next, bool *used)
{
	size_t n = strcspn(word, "=");
	const char *value = word[n] == '=' ? word + n + 1 : NULL;

	for (size_t i = 0; i < LENGTH(long_options); i++) {
		const struct option *o = &long_options[i];

		if (strlen(o->name) != n || strncmp(o->name, word, n) != 0)
			continue;
		if (o->has_arg == no_argument && value != NULL)
			return bad(p, "--%s takes no value", o->name);
		*used = o->has_arg == required_argument && value == NULL;
		value = *used ? next : value;
		if (o->has_arg == required_argument && value == NULL)
			return bad(p, "--%s needs a value", o->name);
		return set_value(p, o->val, value);
	}
	return bad(p, "unknown option '--%.*s'", (int)(n > 64 ? 64 : n), word);
}

static bool set_short(struct parse *p, const char *word, const char *next, bool *used)
{
	if (word[0] != 'c' || (p->verb != NULL && p->verb->command == COMMAND_STOP && word[1] != '\0')) {
		if (p->verb != NULL && p->verb->command == COMMAND_STOP)
			return set_signal(p, word);
		return bad(p, "unknown option '-%s'", word);
	}
	*used = word[1] == '\0';
	p->out->conf = *used ? next : word + 1;
	return p->out->conf != NULL || bad(p, "-c needs a file");
}

/* A name given twice acts once. */
static void add_name(struct options *o, char *name)
{
	for (int i = 0; i < o->n_names; i++)
		if (strcmp(o->names[i], name) == 0)
			return;
	o->names[o->n_names++] = name;
}

static bool complete(struct parse *p)
{
	struct options *o = p->out;
	unsigned wrong;

	if (o->command == COMMAND_HELP || o->command == COMMAND_VERSION)
		return true;
	if (p->verb == NULL)
		return bad(p, "a command is missing");
	wrong = p->given & ~p->verb->options;
	for (size_t i = 0; i < LENGTH(long_options); i++)
		if ((wrong & BIT(long_options[i].val)) != 0)
			return bad(p, "--%s does not go with '%s'", long_options[i].name, p->verb->name);
	if (o->n_names < p->verb->least)
		return bad(p, "'%s' needs the name of a mail server: postfix or sendmail", p->verb->name);
	if (o->n_names > p->verb->most)
		return bad(p, "unexpected '%s' behind '%s'", o->names[p->verb->most], p->verb->name);
	if (o->command == COMMAND_MTA && strcmp(o->names[0], "postfix") != 0 &&
	    strcmp(o->names[0], "sendmail") != 0)
		return bad(p, "unknown mail server '%s': postfix or sendmail", o->names[0]);
	if (o->signal == NULL)
		o->signal = "HUP";
	return true;
}

bool options_parse(int argc, char *argv[], struct options *out, struct buf *error)
{
	struct parse p = { .out = out, .error = error };
	bool ended = false;

	*out = (struct options){ .timeout_s = -1, .names = calloc((size_t)argc + 1, sizeof(char *)) };
	if (out->names == NULL)
		return bad(&p, "out of memory");
	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		char *word = argv[i];
		bool used = false, ok = true;

		if (!ended && strcmp(word, "--") == 0)
			ended = true;
		else if (!ended && strncmp(word, "--", 2) == 0)
			ok = set_long(&p, word + 2, next, &used);
		else if (!ended && word[0] == '-')
			ok = set_short(&p, word + 1, next, &used);
		else if (p.verb == NULL)
			ok = set_command(&p, word);
		else
			add_name(out, word);
		if (!ok)
			return false;
		i += used;
	}
	return complete(&p);
}

void options_free(struct options *o)
{
	free(o->names);
	o->names = NULL;
}
