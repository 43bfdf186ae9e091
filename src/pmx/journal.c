#include "pmx/journal.h"

#include "base/log.h"
#include "pmx/conf_check.h"
#include "pmx/logfile.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "syslog:"

static int file = -1;
static bool utc;

static void file_open(const struct conf *c, const char *name)
{
	struct buf path;

	buf_init(&path, BUF_NO_LIMIT);
	if (name[0] != '/')
		buf_addf(&path, "%s/", conf_text(c, NULL, KEY_LOG_DIR, CONF_LOG_DIR));
	buf_adds(&path, name);
	if (buf_error(&path) == 0)
		file = logfile_open(path.data);
	buf_free(&path);
}

void journal_open(const struct conf *c)
{
	const char *to = conf_text(c, NULL, KEY_LOG_TO, PREFIX "mail");
	bool only_syslog = strncmp(to, PREFIX, strlen(PREFIX)) == 0;

	log_open("pmx-milter", only_syslog ? log_facility(to + strlen(PREFIX)) : LOG_MAIL, false);
	utc = conf_number(c, NULL, KEY_LOG_UTC, 0) != 0;
	if (!only_syslog)
		file_open(c, to);
}

static void file_write(const char *text)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S%z",
		 utc ? gmtime_r(&now, &tm) : localtime_r(&now, &tm));
	dprintf(file, "%s pmx-milter[%d]: %s\n", stamp, (int)getpid(), text);
}

void journal(const char *format, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text, BUF_NO_LIMIT);
	va_start(ap, format);
	buf_addv(&text, format, ap);
	va_end(ap);
	log_info("%s", text.data);
	if (file >= 0)
		file_write(text.data);
	buf_free(&text);
}
