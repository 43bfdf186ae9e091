#include "worker/leftover.h"

#include "base/log.h"
#include "worker/interp.h"

#include <stdbool.h>
#include <stddef.h>

#define MAX_TEXT 8192

static const char *const texts[LEFTOVERS] = {
	[LEFTOVER_FOLDER] = "another current folder",
	[LEFTOVER_UMASK] = "another umask",
	[LEFTOVER_ALARM] = "an alarm set",
	[LEFTOVER_DESCRIPTOR] = "a descriptor open: ",
	[LEFTOVER_SEPARATOR] = "another value in ",
	[LEFTOVER_AUTOFLUSH] = "$| of STDOUT unset",
	[LEFTOVER_HANDLE] = "another handle selected",
	[LEFTOVER_SIGNAL] = "other signal handlers ",
	[LEFTOVER_PATH] = "another PATH",
};

void leftover_tell(enum leftover kind, const char *detail)
{
	static bool told[LEFTOVERS];
	const char *args[] = { "warning", NULL };
	struct buf text, out;

	if (told[kind])
		return;
	told[kind] = true;
	buf_init(&text, MAX_TEXT);
	buf_init(&out, MAX_TEXT);
	buf_addf(&text, "filter left %s%s (put back; not told again)", texts[kind], detail);
	args[1] = text.data;
	if (!interp_call("Mail::MIMEDefang::md_syslog", args, 2, &out))
		log_warn("%s", text.data);
	buf_free(&out);
	buf_free(&text);
}
