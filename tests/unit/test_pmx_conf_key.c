/* Every key of pmx.conf: where it may stand, values it takes, bounds, and what it refuses. */
#include "pmx/conf_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define G 1
#define M 2
#define GM 3
#define KB INT64_C(1024)

/* The least and the most value of each key that has bounds, and texts just outside. */
static const struct {
	const char *key;
	int where;
	const char *least;
	int64_t least_number;
	const char *most;
	int64_t most_number;
	const char *bad[4];
} keys[] = {
	{ "user", G, "a", 0, "pmx6:pmx6", 0, { "" } },
	{ "run_dir", G, "/", 0, "/run/pmx", 0, { "", "run" } },
	{ "log_dir", G, "/", 0, "/var/log/pmx", 0, { "", "log" } },
	{ "log_to", G, "syslog:mail", 0, "milters.log", 0, { "", "syslog:nowhere", "syslog:" } },
	{ "log_utc", G, "no", 0, "yes", 1, { "", "maybe" } },
	{ "stdout", G, "a", 0, "/dev/null", 0, { "" } },
	{ "stderr", G, "a", 0, "/dev/null", 0, { "" } },
	{ "umask", G, "7", 7, "0777", 0777, { "", "022", "8", "1777" } },
	{ "enabled", M, "off", 0, "ON", 1, { "", "2", "y" } },
	{ "port", M, "inet:1@h", 0, "local:x", 0, { "" } },
	{ "filter", M, "/f", 0, "/g", 0, { "", "f" } },
	{ "rules", GM, "r", 0, "/etc/r", 0, { "" } },
	{ "spool_dir", GM, "/s", 0, "/t", 0, { "", "s" } },
	{ "debug_level", GM, "0", 0, "9", 9, { "", "10", "-1", "1x" } },
	{ "max_pooled_procs", GM, "1", 1, "1000", 1000, { "", "0", "1001", "1k" } },
	{ "min_pooled_procs", GM, "0", 0, "1000", 1000, { "", "1001" } },
	{ "pooled_proc_idle_limit", GM, "1", 1, "24h", 86400, { "", "0", "86401", "5min" } },
	{ "pooled_proc_connect_limit", GM, "0", 0, "1000000000", 1000000000, { "", "1000000001" } },
	{ "concurrency_limit", GM, "1", 1, "1000", 1000, { "", "0", "1001" } },
	{ "concurrency_limit_action",
	  GM,
	  "wait",
	  CONF_WAIT,
	  "tempfail",
	  CONF_TEMPFAIL,
	  { "", "reject", "WAIT" } },
	{ "request_queue_size", GM, "0", 0, "10000", 10000, { "", "10001" } },
	{ "request_queue_timeout", GM, "1s", 1, "10m", 600, { "", "0", "601", "11m" } },
	{ "timeout", GM, "1", 1, "1h", 3600, { "", "0", "61m" } },
	{ "command_timeout", GM, "1", 1, "5m", 300, { "", "0", "301s" } },
	{ "listen_queue_size", GM, "1", 1, "65535", 65535, { "", "0", "65536" } },
	{ "worker_start_interval", GM, "0", 0, "10m", 600, { "", "11m" } },
	{ "worker_min_interval", GM, "0s", 0, "10m", 600, { "", "601" } },
	{ "worker_max_rss", GM, "0", 0, "1024G", KB *KB *KB *KB, { "", "15M", "1025G", "16T" } },
	{ "worker_max_memory", GM, "16M", 16 * KB *KB, "1g", KB *KB *KB, { "", "16383K", "x" } },
	{ "preload_interpreters", GM, "false", 0, "true", 1, { "", "some" } },
	{ "checks", GM, "", 0, "relay helo,sender recipient", 15, { "rcpt", "relay x" } },
	{ "status_port", M, "/s", 0, "inet:1", 0, { "" } },
	{ "notify_port", M, "/s", 0, "inet:1", 0, { "" } },
	{ "map_port", M, "/s", 0, "inet:1", 0, { "" } },
	{ "tick_interval", GM, "0", 0, "365d", 31536000, { "", "366d" } },
	{ "parallel_ticks", GM, "1", 1, "30", 30, { "", "0", "31" } },
	{ "status_interval", GM, "0", 0, "1d", 86400, { "", "86401" } },
	{ "start_timeout", GM, "1", 1, "10m", 600, { "", "0", "601" } },
	{ "stop_timeout", GM, "0", 0, "24h", 86400, { "", "86401" } },
	{ "abort_timeout", GM, "1", 1, "5m", 300, { "", "0", "301" } },
	{ "kill_timeout", GM, "1", 1, "5m", 300, { "", "0", "301" } },
	{ "stop_escalate", GM, "0", 0, "1", 1, { "", "-1" } },
	{ "smtp_listen_port", M, "1", 0, "2", 0, { "" } },
	{ "smtp_talk_port", M, "1", 0, "2", 0, { "" } },
};

static bool reads(enum conf_key key, const char *text, int64_t *number)
{
	struct buf why;
	bool ok;

	buf_init(&why, BUF_NO_LIMIT);
	ok = conf_key_parse(key, text, number, &why);
	if (ok != (why.len == 0))
		fail_msg("%s = %s: '%s'", conf_key_info(key)->name, text, why.data);
	buf_free(&why);
	return ok;
}

static void test_every_key(void **state)
{
	assert_int_equal(sizeof(keys) / sizeof(keys[0]), KEY_COUNT);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		enum conf_key key = conf_key_find(keys[i].key);
		int64_t number = -1;

		if (key >= KEY_COUNT)
			fail_msg("%s is not known", keys[i].key);
		assert_int_equal(conf_key_info(key)->global | conf_key_info(key)->milter << 1, keys[i].where);
		if (!reads(key, keys[i].least, &number) || number != keys[i].least_number)
			fail_msg("%s = %s: %lld", keys[i].key, keys[i].least, (long long)number);
		if (!reads(key, keys[i].most, &number) || number != keys[i].most_number)
			fail_msg("%s = %s: %lld", keys[i].key, keys[i].most, (long long)number);
		for (size_t j = 0; j < 4 && keys[i].bad[j] != NULL; j++)
			if (reads(key, keys[i].bad[j], &number))
				fail_msg("%s = %s was taken", keys[i].key, keys[i].bad[j]);
	}
}

static void test_reasons(void **state)
{
	static const struct {
		enum conf_key key;
		const char *text, *why;
	} cases[] = {
		{ KEY_TIMEOUT, "2h", "is out of range (1s to 1h)" },
		{ KEY_TIMEOUT, "99999999999999999999", "is out of range (1s to 1h)" },
		{ KEY_TIMEOUT, "1w", "is not a time: a number and s, m, h or d" },
		{ KEY_WORKER_MAX_RSS, "1M", "is out of range (16M to 1024G)" },
		{ KEY_MIN_POOLED_PROCS, "1s", "is not a number" },
		{ KEY_MAX_POOLED_PROCS, "0", "would switch the pool off, which cannot be done here" },
		{ KEY_UMASK, "022", "lets others in: its last digit has to be 7" },
		{ KEY_CHECKS, "relay mail",
		  "has an unknown word `mail': known are relay helo sender recipient" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t number;
		struct buf why;

		buf_init(&why, BUF_NO_LIMIT);
		assert_false(conf_key_parse(cases[i].key, cases[i].text, &number, &why));
		assert_string_equal(why.data, cases[i].why);
		buf_free(&why);
	}
}

static void test_names(void **state)
{
	static const char *const ignored[] = {
		"reinit_limit",    "use_threads",  "thread_stack_size",   "buffer_size", "block_size",
		"time_connection", "time_message", "max_proto_data_size", "message_log",
	};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		assert_int_equal(conf_key_find(ignored[i]), KEY_IGNORED);
	assert_int_equal(conf_key_find("max_poled_procs"), KEY_UNKNOWN);
	assert_string_equal(conf_key_meant("max_poled_procs"), "max_pooled_procs");
	assert_string_equal(conf_key_meant("prot"), "port");
	assert_null(conf_key_meant("colour"));
	assert_null(conf_key_meant(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_key), cmocka_unit_test(test_reasons),
					    cmocka_unit_test(test_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
