#include "tools/options.h"

#include "base/number.h"
#include "proto/mailpath.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define COMMAND_TIMEOUT_MS 30000  /* Postfix: milter_command_timeout */
#define CONTENT_TIMEOUT_MS 300000 /* Postfix: milter_content_timeout */
#define COUNT_MAX 100000000
#define CONCURRENCY_MAX 10000

#define SHORT_OPTIONS "m:f:r:o:h"

/* Options without a short form. */
enum {
	OPT_CLIENT_ADDRESS = 256,
	OPT_CLIENT_NAME,
	OPT_PORT,
	OPT_HELO,
	OPT_MACRO,
	OPT_QUEUE_ID,
	OPT_LIKE,
	OPT_PROTOCOL,
	OPT_ACTIONS,
	OPT_FLAGS,
	OPT_TIMEOUT,
	OPT_JSON,
	OPT_QUIET,
	OPT_COUNT,
	OPT_CONCURRENCY,
	OPT_PER_CONNECTION,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "milter", required_argument, NULL, 'm' },
	{ "from", required_argument, NULL, 'f' },
	{ "rcpt", required_argument, NULL, 'r' },
	{ "output", required_argument, NULL, 'o' },
	{ "client-address", required_argument, NULL, OPT_CLIENT_ADDRESS },
	{ "client-name", required_argument, NULL, OPT_CLIENT_NAME },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "helo", required_argument, NULL, OPT_HELO },
	{ "macro", required_argument, NULL, OPT_MACRO },
	{ "queue-id", required_argument, NULL, OPT_QUEUE_ID },
	{ "like", required_argument, NULL, OPT_LIKE },
	{ "protocol", required_argument, NULL, OPT_PROTOCOL },
	{ "actions", required_argument, NULL, OPT_ACTIONS },
	{ "flags", required_argument, NULL, OPT_FLAGS },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "concurrency", required_argument, NULL, OPT_CONCURRENCY },
	{ "per-connection", required_argument, NULL, OPT_PER_CONNECTION },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char usage_text[] =
	"usage: milter-send -m SOCKET [options] [FILE ...]\n"
	"  -m, --milter SOCKET     the milter: unix:PATH, inet:PORT@HOST, inet6:PORT@HOST\n"
	"  -f, --from ADDRESS      sender, with ESMTP parameters if wanted: '<a@b> SIZE=9'\n"
	"  -r, --rcpt ADDRESS      recipient, the same way; may be repeated\n"
	"  -o, --output FILE       write the message as it would be delivered\n"
	"      --client-address A  IP address of the SMTP client, unknown, or a socket's path\n"
	"      --client-name NAME  its host name\n"
	"      --port PORT         its port\n"
	"      --helo NAME         its HELO\n"
	"      --macro NAME=VALUE  a macro; may be repeated\n"
	"      --queue-id ID       the macro i\n"
	"      --like MTA          behave as postfix (default) or sendmail\n"
	"      --protocol VERSION  milter protocol to offer, 2 to 6\n"
	"      --actions MASK      actions to offer\n"
	"      --flags MASK        protocol flags to offer\n"
	"      --timeout SECONDS   for each reply\n"
	"      --json              one JSON object instead of text\n"
	"      --quiet             print nothing\n"
	"      --count N           send N messages and measure\n"
	"      --concurrency C     over C connections at a time\n"
	"      --per-connection M  and M messages on each\n"
	"  -h, --help              this text\n"
	"      --version           the version\n";

static void __attribute__((noreturn, format(printf, 1, 2))) usage_error(const char *format, ...)
{
	va_list ap;

	fputs("milter-send: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputs("\nTry `milter-send --help'.\n", stderr);
	exit(EX_USAGE);
}

static void *need(void *p)
{
	if (p == NULL) {
		perror("milter-send");
		exit(EX_OSERR);
	}
	return p;
}

static int64_t number(const char *option, const char *text, int64_t least, int64_t most)
{
	int64_t n = 0;

	if (number_parse(text, least, most, &n) < 0)
		usage_error("%s: `%s' is not a number of %lld to %lld", option, text, (long long)least,
			    (long long)most);
	return n;
}

/* A mask in decimal, octal or hexadecimal. */
static uint32_t mask(const char *option, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (*text == '\0' || *text == '-' || *end != '\0' || n > UINT32_MAX)
		usage_error("%s: `%s' is not a mask such as 0x1ff", option, text);
	return (uint32_t)n;
}

/* Split `ADDRESS PARAMETER ..` at blanks outside of angle brackets; the address gets those it lacks. */
static struct path path_parse(const char *option, const char *text)
{
	struct path p = { 0 };
	size_t len = text[0] == '<' ? strcspn(text, ">") + 1 : strcspn(text, " ");
	char *word, *save = NULL, *rest;

	if (text[0] == '<' && strchr(text, '>') == NULL)
		usage_error("%s: `%s' lacks a `>'", option, text);
	if (asprintf(&p.address, text[0] == '<' ? "%.*s" : "<%.*s>", (int)len, text) == -1)
		need(NULL);
	rest = need(strdup(text + len));
	for (word = strtok_r(rest, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		p.args = need(reallocarray(p.args, (size_t)p.n_args + 1, sizeof(*p.args)));
		p.args[p.n_args++] = need(strdup(word));
	}
	free(rest);
	return p;
}

static void path_free(struct path *p)
{
	free(p->address);
	for (int i = 0; i < p->n_args; i++)
		free(p->args[i]);
	free(p->args);
	*p = (struct path){ 0 };
}

static void set_milter(struct options *o, const char *text)
{
	enum address_error e = address_parse(text, ADDRESS_LOOPBACK, &o->script.milter);

	if (e != ADDRESS_OK)
		usage_error("-m: `%s': %s", text, address_error_text(e));
	o->milter = text;
}

static void set_from(struct options *o, const char *text)
{
	path_free(&o->script.from);
	o->script.from = path_parse("-f", text);
}

static void add_rcpt(struct options *o, const char *text)
{
	struct script *s = &o->script;

	s->rcpts = need(reallocarray(s->rcpts, s->n_rcpts + 1, sizeof(*s->rcpts)));
	s->rcpts[s->n_rcpts++] = path_parse("-r", text);
}

/* An IP address, the path of a local client's socket, or `unknown`. */
static void set_client_address(struct options *o, const char *text)
{
	struct in6_addr any;

	if (inet_pton(AF_INET, text, &any) == 1)
		o->script.family = '4';
	else if (inet_pton(AF_INET6, text, &any) == 1)
		o->script.family = '6';
	else if (text[0] == '/')
		o->script.family = 'L';
	else if (strcmp(text, "unknown") == 0)
		o->script.family = 'U';
	else
		usage_error("--client-address: `%s' is not an IP address, a path or unknown", text);
	o->script.client_address = o->script.family == 'U' ? "" : text;
}

static void add_macro(struct options *o, char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || equals == text)
		usage_error("--macro: `%s' is not NAME=VALUE", text);
	*equals = '\0';
	if (strcmp(text, "i") == 0 || strcmp(text, "{i}") == 0) {
		o->script.queue_id = equals + 1;
		return;
	}
	o->macros = need(reallocarray(o->macros, o->script.n_given + 1, sizeof(*o->macros)));
	o->macros[o->script.n_given++] = (struct macro){ .name = text, .value = equals + 1 };
	o->script.given = o->macros;
}

static void set_like(struct options *o, const char *text)
{
	if (strcmp(text, "postfix") == 0)
		o->script.like = MTA_POSTFIX;
	else if (strcmp(text, "sendmail") == 0)
		o->script.like = MTA_SENDMAIL;
	else
		usage_error("--like: `%s' is neither postfix nor sendmail", text);
}

static void set_protocol(struct options *o, const char *text)
{
	o->script.version = (uint32_t)number("--protocol", text, MILTER_VERSION_MIN, MILTER_VERSION_MAX);
	o->script.actions = milter_actions_of(o->script.version);
	o->script.protocol = milter_protocol_of(o->script.version);
}

static void set_script_option(struct options *o, int c, char *arg)
{
	struct script *s = &o->script;

	switch (c) {
	case OPT_CLIENT_ADDRESS:
		set_client_address(o, arg);
		break;
	case OPT_CLIENT_NAME:
		s->client_name = arg;
		break;
	case OPT_PORT:
		s->port = (uint16_t)number("--port", arg, 0, UINT16_MAX);
		break;
	case OPT_HELO:
		s->helo = arg;
		break;
	case OPT_MACRO:
		add_macro(o, arg);
		break;
	case OPT_QUEUE_ID:
		if (*arg == '\0' || strlen(arg) > 50)
			usage_error("--queue-id: `%s' is not 1 to 50 bytes", arg);
		s->queue_id = arg;
		break;
	case OPT_LIKE:
		set_like(o, arg);
		break;
	case OPT_TIMEOUT:
		s->command_timeout_ms = s->content_timeout_ms = 1000 * number("--timeout", arg, 1, 86400);
		break;
	default:
		usage_error("unexpected option %d", c);
	}
}

static void set_option(struct options *o, int c, char *arg)
{
	switch (c) {
	case 'm':
		set_milter(o, arg);
		break;
	case 'f':
		set_from(o, arg);
		break;
	case 'r':
		add_rcpt(o, arg);
		break;
	case 'o':
		o->output = arg;
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_QUIET:
		o->quiet = true;
		break;
	case OPT_COUNT:
		o->count = (unsigned)number("--count", arg, 1, COUNT_MAX);
		o->load = true;
		break;
	case OPT_CONCURRENCY:
		o->concurrency = (unsigned)number("--concurrency", arg, 1, CONCURRENCY_MAX);
		break;
	case OPT_PER_CONNECTION:
		o->per_connection = (unsigned)number("--per-connection", arg, 1, COUNT_MAX);
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(EX_OK);
	case OPT_VERSION:
		puts("milter-send version " DEFANG_VERSION);
		exit(EX_OK);
	case '?': /* getopt has said what is wrong */
		fputs("Try `milter-send --help'.\n", stderr);
		exit(EX_USAGE);
	default:
		set_script_option(o, c, arg);
	}
}

/* --protocol brings its own masks, so --actions and --flags come after it, wherever they stand. */
static void parse_masks(struct options *o, const char *protocol, const char *actions, const char *flags)
{
	set_protocol(o, protocol);
	if (actions != NULL)
		o->script.actions = mask("--actions", actions);
	if (flags != NULL)
		o->script.protocol = mask("--flags", flags);
}

/* None or `-`: standard input. */
static void parse_files(struct options *o, int n, char *const *files)
{
	static const char *const standard_input[] = { NULL };

	o->files = standard_input;
	o->n_files = 1;
	if (n == 0 || (n == 1 && strcmp(files[0], "-") == 0))
		return;
	if (n > 1 && !o->load)
		usage_error("more than one file needs --count: `%s'", files[1]);
	o->files = (const char *const *)files;
	o->n_files = (size_t)n;
}

static void check(struct options *o)
{
	struct script *s = &o->script;
	static char bracketed[128];

	if (o->milter == NULL)
		usage_error("-m SOCKET is missing");
	if (s->from.address == NULL)
		set_from(o, "<sender@example.org>");
	if (s->n_rcpts == 0)
		add_rcpt(o, "<recipient@example.com>");
	if (s->client_address == NULL) {
		s->family = '4';
		s->client_address = "127.0.0.1";
		s->client_name = s->client_name ? s->client_name : "localhost";
	}
	if (s->client_name == NULL) { /* what an MTA says of a client without a verified name */
		snprintf(bracketed, sizeof(bracketed), "[%s]", s->client_address);
		s->client_name = s->family == 'U' ? "unknown" : bracketed;
	}
	if (s->helo == NULL)
		s->helo = s->client_name;
	if (o->load && o->output != NULL)
		usage_error("-o: with --count nothing is delivered");
	if (!o->load && (o->concurrency > 1 || o->per_connection > 1))
		usage_error("--concurrency and --per-connection need --count");
}

void options_parse(struct options *o, int argc, char *argv[])
{
	const char *protocol = "6", *actions = NULL, *flags = NULL;
	int c;

	*o = (struct options){ .count = 1, .concurrency = 1, .per_connection = 1 };
	o->script.command_timeout_ms = COMMAND_TIMEOUT_MS;
	o->script.content_timeout_ms = CONTENT_TIMEOUT_MS;
	o->script.port = 40000;
	while ((c = getopt_long(argc, argv, SHORT_OPTIONS, long_options, NULL)) != -1) {
		if (c == OPT_PROTOCOL)
			protocol = optarg;
		else if (c == OPT_ACTIONS)
			actions = optarg;
		else if (c == OPT_FLAGS)
			flags = optarg;
		else
			set_option(o, c, optarg);
	}
	parse_files(o, argc - optind, argv + optind);
	parse_masks(o, protocol, actions, flags);
	check(o);
}

void options_free(struct options *o)
{
	path_free(&o->script.from);
	for (size_t i = 0; i < o->script.n_rcpts; i++)
		path_free(&o->script.rcpts[i]);
	free(o->script.rcpts);
	free(o->macros);
}
