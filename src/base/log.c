#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <unistd.h>

#define MAX_TEXT 8192 /* bytes of a message; what syslog daemons take at their defaults */

/* Set once at start-up, before there are threads; only read afterwards. */
static const char *log_name;
static bool to_stderr;
static int max_level = LOG_INFO;

static const struct {
	const char *name;
	int value;
} facilities[] = {
	{ "auth", LOG_AUTH },     { "authpriv", LOG_AUTHPRIV }, { "cron", LOG_CRON },
	{ "daemon", LOG_DAEMON }, { "ftp", LOG_FTP },           { "kern", LOG_KERN },
	{ "lpr", LOG_LPR },       { "mail", LOG_MAIL },         { "news", LOG_NEWS },
	{ "syslog", LOG_SYSLOG }, { "user", LOG_USER },         { "uucp", LOG_UUCP },
	{ "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 },     { "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 },     { "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 }, { "local7", LOG_LOCAL7 },
};

void log_open(const char *tag, int facility, bool foreground)
{
	closelog();
	log_name = tag;
	to_stderr = foreground;
	openlog(tag, LOG_PID, facility);
}

const char *log_tag(void)
{
	return log_name != NULL ? log_name : program_invocation_short_name;
}

int log_facility(const char *name)
{
	if (strncasecmp(name, "LOG_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++)
		if (strcasecmp(name, facilities[i].name) == 0)
			return facilities[i].value;
	return -1;
}

void log_level(int level)
{
	max_level = level;
}

static const char *level_word(int level)
{
	switch (level) {
	case LOG_DEBUG:
		return "debug";
	case LOG_INFO:
		return "info";
	case LOG_WARNING:
		return "warning";
	default:
		return "error";
	}
}

/* Bytes of UTF-8 pass; control bytes would forge lines or move the reader's cursor. */
static void disarm(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++)
		if (*p < ' ' || *p == 0x7f)
			*p = '?';
}

/* Whether a line can be written without waiting. O_NONBLOCK would do it too, but the descriptor is shared
 * with whoever started us. */
static bool stderr_takes(void)
{
	struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&fd, 1, 0) > 0;
}

/* One write of at most PIPE_BUF bytes: so the lines of several processes do not mix, and a pipe that has room
 * takes the whole line. One that nobody reads must not hold us up: the line is dropped. */
static void stderr_line(int level, const char *text)
{
	char line[PIPE_BUF + 1];
	int n = snprintf(line, sizeof(line), "%s[%d]: %s: %s\n", log_tag(), (int)getpid(), level_word(level),
			 text);

	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line)) {
		n = PIPE_BUF;
		memcpy(line + n - 4, "...\n", 4);
	}
	if (!stderr_takes() || write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nobody to tell */
}

/* `level` may have a facility in it, as syslog() takes it. */
__attribute__((format(printf, 3, 0))) static void log_add(int level, bool also_stderr, const char *format,
							  va_list ap)
{
	char text[MAX_TEXT];
	int saved = errno; /* callers log first and use errno afterwards */

	if (LOG_PRI(level) > max_level)
		return;
	if (vsnprintf(text, sizeof(text), format, ap) >= (int)sizeof(text))
		memcpy(text + sizeof(text) - 4, "...", 4);
	disarm(text);
	syslog(level, "%s", text);
	if (also_stderr)
		stderr_line(LOG_PRI(level), text);
	errno = saved;
}

void log_debug(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_add(LOG_DEBUG, to_stderr, format, ap);
	va_end(ap);
}

void log_info(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_add(LOG_INFO, to_stderr, format, ap);
	va_end(ap);
}

void log_info_to(int facility, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_add(LOG_INFO | facility, to_stderr, format, ap);
	va_end(ap);
}

void log_warn(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_add(LOG_WARNING, to_stderr, format, ap);
	va_end(ap);
}

void log_err(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_add(LOG_ERR, to_stderr, format, ap);
	va_end(ap);
}

void log_syslog_err(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_add(LOG_ERR, false, format, ap);
	va_end(ap);
}
