#include "milter/who.h"

#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#define MAX_TEXT 7168 /* bytes: a line of the log, less what stands around it */

typedef void log_fn(const char *format, ...);

__attribute__((format(printf, 3, 0))) static void say(log_fn *log, struct who about, const char *format,
						      va_list ap)
{
	char text[MAX_TEXT];

	vsnprintf(text, sizeof(text), format, ap);
	log("%s%s%s%s%s", about.queue_id != NULL ? about.queue_id : "", about.queue_id != NULL ? ": " : "",
	    text, about.session != NULL ? " session=" : "", about.session != NULL ? about.session : "");
}

void who_debug(struct who about, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(log_debug, about, format, ap);
	va_end(ap);
}

void who_info(struct who about, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(log_info, about, format, ap);
	va_end(ap);
}

void who_warn(struct who about, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(log_warn, about, format, ap);
	va_end(ap);
}

void who_err(struct who about, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(log_err, about, format, ap);
	va_end(ap);
}
