#include "base/log.h"
#include "worker/xs.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The names that syslog has for its levels, as far as our log tells them apart. */
static const struct {
	const char *name;
	void (*log)(const char *format, ...) __attribute__((format(printf, 1, 2)));
} levels[] = {
	{ "debug", log_debug }, { "info", log_info },     { "notice", log_info }, { "warning", log_warn },
	{ "warn", log_warn },   { "err", log_err },       { "error", log_err },   { "crit", log_err },
	{ "alert", log_err },   { "emergency", log_err }, { "emerg", log_err },   { "panic", log_err },
};

/* log_line(level, text, facility): an unknown level counts as `info`. With a facility that is known, the line
 * goes there, at `info`. */
static void xs_log_line(pTHX_ CV *cv)
{
	dXSARGS;
	const char *level, *text;
	int facility;

	if (items < 2 || items > 3)
		croak_xs_usage(cv, "level, text, facility = the log's");
	level = SvPV_nolen(ST(0));
	text = SvPV_nolen(ST(1));
	facility = items > 2 ? log_facility(SvPV_nolen(ST(2))) : -1;
	if (facility != -1) {
		log_info_to(facility, "%s", text);
		XSRETURN_EMPTY;
	}
	if (strncasecmp(level, "LOG_", 4) == 0)
		level += 4;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcasecmp(level, levels[i].name) == 0) {
			levels[i].log("%s", text);
			XSRETURN_EMPTY;
		}
	}
	log_info("%s", text);
	XSRETURN_EMPTY;
}

/* md_openlog(tag, facility): false when the facility is unknown; nothing is changed then. */
static void xs_md_openlog(pTHX_ CV *cv)
{
	static char *tag; /* log_open() keeps the pointer */
	dXSARGS;
	char *former = tag;
	int facility;

	if (items < 1 || items > 2)
		croak_xs_usage(cv, "tag, facility = 'mail'");
	facility = log_facility(items > 1 ? SvPV_nolen(ST(1)) : "mail");
	if (facility == -1)
		XSRETURN_NO;
	tag = strdup(SvPV_nolen(ST(0)));
	if (tag == NULL)
		croak("out of memory");
	log_open(tag, facility, false);
	free(former);
	XSRETURN_YES;
}

void xs_log_boot(pTHX)
{
	newXS("Mail::MIMEDefang::log_line", xs_log_line, __FILE__);
	newXS("Mail::MIMEDefang::md_openlog", xs_md_openlog, __FILE__);
}
