#include "proto/request.h"

#include "proto/percent.h"

#include <string.h>

/* The rows for workers ask only for the words without which the request has no sense: what else is missing or
 * surplus is for the filter to judge, and the documented forms of these requests have grown before. */
const struct request_info request_table[] = {
	/* verb, name, synonym, fewest and most arguments, privileged, for a worker, help */
	{ REQUEST_HELP, "help", NULL, 0, 0, false, false, "list the requests that this socket takes" },
	{ REQUEST_VERSION, "version", NULL, 0, 0, false, false, "version of the controller" },
	{ REQUEST_FREE, "free", NULL, 0, 0, false, false, "number of workers that could take a request now" },
	{ REQUEST_STATUS, "status", NULL, 0, 0, false, false, "state of every worker, then totals" },
	{ REQUEST_MSGS, "msgs", NULL, 0, 0, false, false, "number of messages scanned since the start" },
	{ REQUEST_WORKERS, "workers", "slaves", 0, 0, false, false, "state and work of every worker" },
	{ REQUEST_BUSYWORKERS, "busyworkers", "busyslaves", 0, 0, false, false,
	  "the same, busy workers only" },
	{ REQUEST_WORKERINFO, "workerinfo", "slaveinfo", 1, 1, false, false,
	  "details of one worker: NUMBER" },
	{ REQUEST_LOAD, "load", NULL, 0, 0, false, false, "load by scans in the last 10 s, 1, 5 and 10 min" },
	{ REQUEST_LOAD_RELAYOK, "load-relayok", NULL, 0, 0, false, false, "the same, by relayok" },
	{ REQUEST_LOAD_SENDEROK, "load-senderok", NULL, 0, 0, false, false, "the same, by senderok" },
	{ REQUEST_LOAD_RECIPOK, "load-recipok", NULL, 0, 0, false, false, "the same, by recipok" },
	{ REQUEST_LOAD1, "load1", NULL, 1, 1, false, false, "load by all four in one interval: SECONDS" },
	{ REQUEST_HLOAD, "hload", NULL, 0, 0, false, false,
	  "load by scans in the last 1, 4, 12 and 24 hours" },
	{ REQUEST_HLOAD_RELAYOK, "hload-relayok", NULL, 0, 0, false, false, "the same, by relayok" },
	{ REQUEST_HLOAD_SENDEROK, "hload-senderok", NULL, 0, 0, false, false, "the same, by senderok" },
	{ REQUEST_HLOAD_RECIPOK, "hload-recipok", NULL, 0, 0, false, false, "the same, by recipok" },
	{ REQUEST_HISTO, "histo", NULL, 0, 0, false, false, "how often how many workers were busy at once" },
	{ REQUEST_SNAPSHOT, "snapshot", NULL, 0, 0, false, false, "all there is to know, for programs" },
	{ REQUEST_JSONSNAPSHOT, "jsonsnapshot", NULL, 0, 0, false, false, "the same as JSON" },
	{ REQUEST_HEALTH, "health", NULL, 0, 0, false, false, "whether workers start, and why not" },
	{ REQUEST_AUTOSCALE, "autoscale", NULL, 0, 0, true, false, "state and settings of autoscaling" },
	{ REQUEST_REREAD, "reread", NULL, 0, 1, true, false,
	  "load the filter anew and replace the workers; with -n only try it" },
	{ REQUEST_SCAN, "scan", NULL, 2, 2, true, true, "run the filter on a message: QUEUE-ID DIRECTORY" },
	{ REQUEST_RELAYOK, "relayok", NULL, 2, -1, true, true,
	  "ask the filter about a client: IP NAME PORT OWN-IP OWN-PORT QUEUE-ID" },
	{ REQUEST_HELOOK, "helook", NULL, 3, -1, true, true,
	  "ask the filter about a HELO: IP NAME HELO PORT OWN-IP OWN-PORT QUEUE-ID" },
	{ REQUEST_SENDEROK, "senderok", NULL, 4, -1, true, true,
	  "ask the filter about a sender: SENDER IP NAME HELO DIRECTORY QUEUE-ID ARG.." },
	{ REQUEST_RECIPOK, "recipok", NULL, 6, -1, true, true,
	  "ask the filter about a recipient: RECIPIENT SENDER IP NAME FIRST-RECIPIENT HELO DIRECTORY QUEUE-ID"
	  " MAILER HOST ADDRESS ARG.." },
	{ REQUEST_TICK_REFUSED, "tick", NULL, 0, 0, false, false, NULL },
	{ REQUEST_NO_SUCH, "foo_no_such_command", NULL, 0, 0, false, false, NULL },
};

const size_t request_table_len = sizeof(request_table) / sizeof(request_table[0]);

static bool info_fits(const struct request_info *info, const char *verb, int argc)
{
	if (strcmp(verb, info->name) != 0 && (info->synonym == NULL || strcmp(verb, info->synonym) != 0))
		return false;
	return argc >= info->min_args && (info->max_args == -1 || argc <= info->max_args);
}

static const struct request_info *info_find(const char *verb, int argc)
{
	for (size_t i = 0; i < request_table_len; i++)
		if (info_fits(&request_table[i], verb, argc))
			return &request_table[i];
	return NULL;
}

static void cr_drop(char *line)
{
	size_t n = strlen(line);

	if (n > 0 && line[n - 1] == '\r')
		line[n - 1] = '\0';
}

/* The word at *at, ended with a NUL, and *at behind it; NULL when the line has no more. Single spaces part
 * words, so that an empty one keeps its place. */
static char *word_next(char **at)
{
	char *word = *at;

	if (word == NULL)
		return NULL;
	*at = strchr(word, ' ');
	if (*at != NULL)
		*(*at)++ = '\0';
	return word;
}

enum request_error request_parse(char *line, struct request *out)
{
	struct request r = { .verb = REQUEST_FOREIGN };
	char *at = line, *verb, *word;

	cr_drop(line);
	verb = word_next(&at);
	while ((word = word_next(&at)) != NULL) {
		if (r.argc == REQUEST_MAX_WORDS)
			return REQUEST_TOO_MANY_WORDS;
		percent_decode(word);
		r.argv[r.argc++] = word;
	}
	/* The verb is compared as it was sent: an encoded one is not ours. */
	r.info = info_find(verb, r.argc);
	if (r.info != NULL)
		r.verb = r.info->verb;
	*out = r;
	return REQUEST_OK;
}

void request_encode(struct buf *out, const char *verb, const char *const *args, int n_args)
{
	percent_encode_str(out, verb);
	for (int i = 0; i < n_args; i++) {
		buf_addc(out, ' ');
		if (args[i] != NULL)
			percent_encode_str(out, args[i]);
	}
	buf_addc(out, '\n');
}

/* The length of the first two words of `line`. */
static size_t two_words(const char *line)
{
	size_t n = strcspn(line, " \r\n");

	return line[n] == ' ' ? n + 1 + strcspn(line + n + 1, " \r\n") : n;
}

void request_tag(const char *line, char tag[64])
{
	size_t n = two_words(line);

	if (n > 63)
		n = 63;
	memcpy(tag, line, n);
	n = percent_decode_n(tag, n);
	for (size_t i = 0; i < n; i++)
		if (tag[i] < 32 || tag[i] > 126)
			tag[i] = ' ';
}
