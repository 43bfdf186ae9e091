#include "pmx/conf_key.h"

#include "base/log.h"
#include "base/number.h"
#include "pmx/nearest.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MEGABYTE (INT64_C(1) << 20)
#define MOST_MEMORY (INT64_C(1) << 40)

#define G true, false
#define M false, true
#define GM true, true

static const struct conf_key_info keys[KEY_COUNT] = {
	[KEY_USER] = { "user", G, CONF_TEXT },
	[KEY_RUN_DIR] = { "run_dir", G, CONF_PATH },
	[KEY_LOG_DIR] = { "log_dir", G, CONF_PATH },
	[KEY_LOG_TO] = { "log_to", G, CONF_LOG },
	[KEY_LOG_UTC] = { "log_utc", G, CONF_BOOL },
	[KEY_STDOUT] = { "stdout", G, CONF_TEXT },
	[KEY_STDERR] = { "stderr", G, CONF_TEXT },
	[KEY_UMASK] = { "umask", G, CONF_OCTAL, 0, 0777 },
	[KEY_ENABLED] = { "enabled", M, CONF_BOOL },
	[KEY_PORT] = { "port", M, CONF_TEXT },
	[KEY_FILTER] = { "filter", M, CONF_PATH },
	[KEY_RULES] = { "rules", GM, CONF_TEXT },
	[KEY_SPOOL_DIR] = { "spool_dir", GM, CONF_PATH },
	[KEY_DEBUG_LEVEL] = { "debug_level", GM, CONF_NUMBER, 0, 9 },
	[KEY_MAX_POOLED_PROCS] = { "max_pooled_procs", GM, CONF_NUMBER, 1, 1000 },
	[KEY_MIN_POOLED_PROCS] = { "min_pooled_procs", GM, CONF_NUMBER, 0, 1000 },
	[KEY_POOLED_PROC_IDLE_LIMIT] = { "pooled_proc_idle_limit", GM, CONF_TIME, 1, DAY },
	[KEY_POOLED_PROC_CONNECT_LIMIT] = { "pooled_proc_connect_limit", GM, CONF_NUMBER, 0, 1000000000 },
	[KEY_CONCURRENCY_LIMIT] = { "concurrency_limit", GM, CONF_NUMBER, 1, 1000 },
	[KEY_CONCURRENCY_LIMIT_ACTION] = { "concurrency_limit_action", GM, CONF_ACTION },
	[KEY_REQUEST_QUEUE_SIZE] = { "request_queue_size", GM, CONF_NUMBER, 0, 10000 },
	[KEY_REQUEST_QUEUE_TIMEOUT] = { "request_queue_timeout", GM, CONF_TIME, 1, 10 * MINUTE },
	[KEY_TIMEOUT] = { "timeout", GM, CONF_TIME, 1, HOUR },
	[KEY_COMMAND_TIMEOUT] = { "command_timeout", GM, CONF_TIME, 1, 5 * MINUTE },
	[KEY_LISTEN_QUEUE_SIZE] = { "listen_queue_size", GM, CONF_NUMBER, 1, 65535 },
	[KEY_WORKER_START_INTERVAL] = { "worker_start_interval", GM, CONF_TIME, 0, 10 * MINUTE },
	[KEY_WORKER_MIN_INTERVAL] = { "worker_min_interval", GM, CONF_TIME, 0, 10 * MINUTE },
	[KEY_WORKER_MAX_RSS] = { "worker_max_rss", GM, CONF_SIZE, 16 * MEGABYTE, MOST_MEMORY },
	[KEY_WORKER_MAX_MEMORY] = { "worker_max_memory", GM, CONF_SIZE, 16 * MEGABYTE, MOST_MEMORY },
	[KEY_PRELOAD_INTERPRETERS] = { "preload_interpreters", GM, CONF_BOOL },
	[KEY_CHECKS] = { "checks", GM, CONF_SET },
	[KEY_STATUS_PORT] = { "status_port", M, CONF_TEXT },
	[KEY_NOTIFY_PORT] = { "notify_port", M, CONF_TEXT },
	[KEY_MAP_PORT] = { "map_port", M, CONF_TEXT },
	[KEY_TICK_INTERVAL] = { "tick_interval", GM, CONF_TIME, 0, 365 * DAY },
	[KEY_PARALLEL_TICKS] = { "parallel_ticks", GM, CONF_NUMBER, 1, 30 },
	[KEY_STATUS_INTERVAL] = { "status_interval", GM, CONF_TIME, 0, DAY },
	[KEY_START_TIMEOUT] = { "start_timeout", GM, CONF_TIME, 1, 10 * MINUTE },
	[KEY_STOP_TIMEOUT] = { "stop_timeout", GM, CONF_TIME, 0, DAY },
	[KEY_ABORT_TIMEOUT] = { "abort_timeout", GM, CONF_TIME, 1, 5 * MINUTE },
	[KEY_KILL_TIMEOUT] = { "kill_timeout", GM, CONF_TIME, 1, 5 * MINUTE },
	[KEY_STOP_ESCALATE] = { "stop_escalate", GM, CONF_BOOL },
	[KEY_SMTP_LISTEN_PORT] = { "smtp_listen_port", M, CONF_TEXT },
	[KEY_SMTP_TALK_PORT] = { "smtp_talk_port", M, CONF_TEXT },
};

#undef G
#undef M
#undef GM

static const char *const ignored[] = {
	"block_size",        "buffer_size",     "max_proto_data_size", "message_log", "reinit_limit",
	"thread_stack_size", "time_connection", "time_message",        "use_threads",
};

const struct conf_key_info *conf_key_info(enum conf_key key)
{
	assert(key < KEY_COUNT);
	return &keys[key];
}

enum conf_key conf_key_find(const char *name)
{
	for (int i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].name, name) == 0)
			return (enum conf_key)i;
	for (size_t i = 0; i < LENGTH(ignored); i++)
		if (strcmp(ignored[i], name) == 0)
			return KEY_IGNORED;
	return KEY_UNKNOWN;
}

const char *conf_key_meant(const char *typed)
{
	const char *best = NULL;
	size_t best_distance = NEAREST_MAX;

	for (int i = 0; i < KEY_COUNT; i++) {
		size_t distance = nearest_distance(typed, keys[i].name);

		if (distance < best_distance) {
			best = keys[i].name;
			best_distance = distance;
		}
	}
	return nearest_is_near(typed, best_distance) ? best : NULL;
}

/* --- values. Each returns whether it could be read, or has told why not. --- */

static bool parse_bool(const char *text, int64_t *number, struct buf *why)
{
	static const char *const words[2][4] = { { "no", "false", "off", "0" },
						 { "yes", "true", "on", "1" } };

	for (int value = 0; value < 2; value++) {
		for (size_t i = 0; i < LENGTH(words[0]); i++) {
			if (strcasecmp(text, words[value][i]) == 0) {
				*number = value;
				return true;
			}
		}
	}
	buf_adds(why, "is neither yes nor no");
	return false;
}

struct unit {
	char letter;
	int64_t factor;
};

static const struct unit times[] = { { 's', 1 }, { 'm', MINUTE }, { 'h', HOUR }, { 'd', DAY }, { 0, 0 } };
static const struct unit sizes[] = { { 'K', 1 << 10 }, { 'M', MEGABYTE }, { 'G', 1 << 30 }, { 0, 0 } };
static const struct unit plain[] = { { 0, 0 } };

/* `n` in the largest unit that divides it. */
static void add_amount(struct buf *out, int64_t n, const struct unit *units)
{
	const struct unit *best = NULL;

	for (const struct unit *u = units; u->letter != 0; u++)
		if (n >= u->factor && n % u->factor == 0)
			best = u;
	buf_addf(out, "%lld", (long long)(best != NULL ? n / best->factor : n));
	if (best != NULL)
		buf_addc(out, best->letter);
}

static bool refuse_range(const struct conf_key_info *k, const struct unit *units, struct buf *why)
{
	buf_adds(why, "is out of range (");
	add_amount(why, k->least, units);
	buf_adds(why, " to ");
	add_amount(why, k->most, units);
	buf_addc(why, ')');
	return false;
}

/* What the letter at `unit` multiplies by; 0 when it is none, or not the last. */
static int64_t unit_factor(const char *unit, const struct unit *units)
{
	if (*unit == '\0')
		return 1;
	for (const struct unit *u = units; u->letter != 0 && unit[1] == '\0'; u++)
		if (*unit == u->letter || (units == sizes && *unit == u->letter + ('a' - 'A')))
			return u->factor;
	return 0;
}

static bool parse_amount(const struct conf_key_info *k, const char *text, const struct unit *units,
			 int64_t *number, struct buf *why)
{
	char digits[20];
	size_t n = strspn(text, "0123456789");
	int64_t factor = unit_factor(text + n, units), value;

	if (n == 0 || factor == 0) {
		buf_adds(why, units == times   ? "is not a time: a number and s, m, h or d"
			      : units == sizes ? "is not a size: a number and K, M or G"
					       : "is not a number");
		return false;
	}
	if (n >= sizeof(digits))
		return refuse_range(k, units, why);
	snprintf(digits, sizeof(digits), "%.*s", (int)n, text);
	if (number_parse(digits, 0, k->most / factor, &value) < 0 ||
	    (value * factor < k->least && (k->type != CONF_SIZE || value != 0)))
		return refuse_range(k, units, why);
	*number = value * factor;
	return true;
}

static bool parse_octal(const char *text, int64_t *number, struct buf *why)
{
	int64_t value = 0;
	size_t n = strlen(text);

	if (n == 0 || n > 4 || strspn(text, "01234567") != n) {
		buf_adds(why, "is not an octal number of up to four digits");
		return false;
	}
	for (; *text != '\0'; text++)
		value = value * 8 + (*text - '0');
	if (value > 0777 || (value & 07) != 07) {
		buf_adds(why, value > 0777 ? "is above 777" : "lets others in: its last digit has to be 7");
		return false;
	}
	*number = value;
	return true;
}

static bool parse_action(const char *text, int64_t *number, struct buf *why)
{
	if (strcmp(text, "wait") != 0 && strcmp(text, "tempfail") != 0) {
		buf_adds(why, "is neither wait nor tempfail");
		return false;
	}
	*number = strcmp(text, "wait") == 0 ? CONF_WAIT : CONF_TEMPFAIL;
	return true;
}

static bool parse_checks(const char *text, int64_t *number, struct buf *why)
{
	static const char *const names[] = { "relay", "helo", "sender", "recipient" };
	int64_t set = 0;

	while (*(text += strspn(text, " \t,")) != '\0') {
		size_t n = strcspn(text, " \t,"), i = 0;

		while (i < LENGTH(names) && (strlen(names[i]) != n || strncmp(text, names[i], n) != 0))
			i++;
		if (i == LENGTH(names)) {
			buf_addf(why, "has an unknown word `%.*s': known are relay helo sender recipient",
				 n > 64 ? 64 : (int)n, text);
			return false;
		}
		set |= 1 << i;
		text += n;
	}
	*number = set;
	return true;
}

static bool parse_log(const char *text, struct buf *why)
{
	static const char prefix[] = "syslog:";

	if (strncmp(text, prefix, strlen(prefix)) != 0 || log_facility(text + strlen(prefix)) >= 0)
		return true;
	buf_adds(why, "names an unknown facility of syslog");
	return false;
}

static bool parse_path(const char *text, struct buf *why)
{
	if (text[0] == '/')
		return true;
	buf_adds(why, "is not an absolute path");
	return false;
}

bool conf_key_parse(enum conf_key key, const char *text, int64_t *number, struct buf *why)
{
	const struct conf_key_info *k = conf_key_info(key);

	*number = 0;
	if (*text == '\0' && k->type != CONF_SET) {
		buf_adds(why, "is empty");
		return false;
	}
	if (key == KEY_MAX_POOLED_PROCS && strcmp(text, "0") == 0) {
		buf_adds(why, "would switch the pool off, which cannot be done here");
		return false;
	}
	switch (k->type) {
	case CONF_TEXT:
		return true;
	case CONF_PATH:
		return parse_path(text, why);
	case CONF_BOOL:
		return parse_bool(text, number, why);
	case CONF_NUMBER:
		return parse_amount(k, text, plain, number, why);
	case CONF_TIME:
		return parse_amount(k, text, times, number, why);
	case CONF_SIZE:
		return parse_amount(k, text, sizes, number, why);
	case CONF_OCTAL:
		return parse_octal(text, number, why);
	case CONF_ACTION:
		return parse_action(text, number, why);
	case CONF_SET:
		return parse_checks(text, number, why);
	case CONF_LOG:
		return parse_log(text, why);
	}
	assert(!"a type without a parser");
	return false;
}
