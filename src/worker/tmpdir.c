#include "worker/tmpdir.h"

#include "worker/xs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "TMPDIR"

/* In the environment itself and changed in place. Each new value by setenv(), which is what %ENV does, is
 * kept by the C library for ever: some 40 bytes a message. */
static char entry[sizeof(NAME "=") + PATH_MAX];
static bool is_set, is_known;
static char *original; /* NULL: there was none */

static void original_note(void)
{
	const char *value = getenv(NAME);

	if (!is_known && value != NULL)
		original = strdup(value);
	is_known = true;
}

/* tmpdir_set(path) */
static void xs_tmpdir_set(pTHX_ CV *cv)
{
	dXSARGS;
	const char *path;
	SV **slot;

	if (items != 1)
		croak_xs_usage(cv, "path");
	path = SvPV_nolen(ST(0));
	if (strlen(path) >= PATH_MAX)
		croak("%s: too long", path);
	original_note();
	slot = hv_fetchs(GvHVn(PL_envgv), NAME, TRUE);
	if (slot == NULL)
		croak("out of memory");
	sv_setpv(*slot, path); /* without its magic, which is setenv() */
	snprintf(entry, sizeof(entry), NAME "=%s", path);
	putenv(entry);
	is_set = true;
	XSRETURN_EMPTY;
}

void tmpdir_restore(void)
{
	dTHX;
	SV **slot;

	if (!is_set)
		return;
	is_set = false;
	if (original == NULL)
		(void)hv_deletes(GvHVn(PL_envgv), NAME, G_DISCARD);
	else if ((slot = hv_fetchs(GvHVn(PL_envgv), NAME, TRUE)) != NULL)
		sv_setpv_mg(*slot, original);
}

void xs_tmpdir_boot(pTHX)
{
	newXS("Mail::MIMEDefang::tmpdir_set", xs_tmpdir_set, __FILE__);
}
