#include "worker/xs.h"

#include "worker/hooks.h"

void xs_boot(pTHX)
{
	hooks_install(aTHX);
	newCONSTSUB(gv_stashpvs("Mail::MIMEDefang", GV_ADD), "VERSION_TEXT", newSVpvs(DEFANG_VERSION));
	newCONSTSUB(gv_stashpvs("Mail::MIMEDefang", GV_ADD), "CONFDIR", newSVpvs(DEFANG_CONFDIR));
	xs_percent_boot(aTHX);
	xs_log_boot(aTHX);
	xs_results_boot(aTHX);
	xs_commands_boot(aTHX);
	xs_mime_boot(aTHX);
	xs_deadline_boot(aTHX);
	xs_tmpdir_boot(aTHX);
}
