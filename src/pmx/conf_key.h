/* conf_key.h - the keys of pmx.conf: one table of names, places, types and bounds, see pmx.conf(5). Pure. */
#ifndef DEFANG_PMX_CONF_KEY_H
#define DEFANG_PMX_CONF_KEY_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum conf_key {
	KEY_USER,
	KEY_RUN_DIR,
	KEY_LOG_DIR,
	KEY_LOG_TO,
	KEY_LOG_UTC,
	KEY_STDOUT,
	KEY_STDERR,
	KEY_UMASK,
	KEY_ENABLED,
	KEY_PORT,
	KEY_FILTER,
	KEY_RULES,
	KEY_SPOOL_DIR,
	KEY_DEBUG_LEVEL,
	KEY_MAX_POOLED_PROCS,
	KEY_MIN_POOLED_PROCS,
	KEY_POOLED_PROC_IDLE_LIMIT,
	KEY_POOLED_PROC_CONNECT_LIMIT,
	KEY_CONCURRENCY_LIMIT,
	KEY_CONCURRENCY_LIMIT_ACTION,
	KEY_REQUEST_QUEUE_SIZE,
	KEY_REQUEST_QUEUE_TIMEOUT,
	KEY_TIMEOUT,
	KEY_COMMAND_TIMEOUT,
	KEY_LISTEN_QUEUE_SIZE,
	KEY_WORKER_START_INTERVAL,
	KEY_WORKER_MIN_INTERVAL,
	KEY_WORKER_MAX_RSS,
	KEY_WORKER_MAX_MEMORY,
	KEY_PRELOAD_INTERPRETERS,
	KEY_CHECKS,
	KEY_STATUS_PORT,
	KEY_NOTIFY_PORT,
	KEY_MAP_PORT,
	KEY_TICK_INTERVAL,
	KEY_PARALLEL_TICKS,
	KEY_STATUS_INTERVAL,
	KEY_START_TIMEOUT,
	KEY_STOP_TIMEOUT,
	KEY_ABORT_TIMEOUT,
	KEY_KILL_TIMEOUT,
	KEY_STOP_ESCALATE,
	KEY_SMTP_LISTEN_PORT, /* of PureMessage: told of in conf_check.c */
	KEY_SMTP_TALK_PORT,
	KEY_COUNT,
	KEY_IGNORED, /* PureMessage knows it, we do not */
	KEY_UNKNOWN,
};

enum conf_type {
	CONF_TEXT,
	CONF_PATH,   /* absolute */
	CONF_BOOL,   /* 0 or 1 */
	CONF_NUMBER, /* in its bounds, as all below */
	CONF_TIME,   /* seconds */
	CONF_SIZE,   /* bytes; 0 is off, whatever the least */
	CONF_OCTAL,
	CONF_ACTION, /* enum conf_action */
	CONF_SET,    /* bits of CONF_CHECK_.. */
	CONF_LOG,    /* syslog:FACILITY, or a file */
};

enum conf_action { CONF_WAIT, CONF_TEMPFAIL };

enum { CONF_CHECK_RELAY = 1, CONF_CHECK_HELO = 2, CONF_CHECK_SENDER = 4, CONF_CHECK_RECIPIENT = 8 };

struct conf_key_info {
	const char *name;
	bool global, milter; /* may stand outside blocks, in one */
	enum conf_type type;
	int64_t least, most; /* of the number */
};

const struct conf_key_info *conf_key_info(enum conf_key key); /* of one below KEY_COUNT */
enum conf_key conf_key_find(const char *name);

/* The key that was probably meant, or NULL. */
const char *conf_key_meant(const char *typed);

/* Read a value of the key. True with *number set (0 for texts); else false, and `why` says what is wrong. */
bool conf_key_parse(enum conf_key key, const char *text, int64_t *number, struct buf *why);

#endif
