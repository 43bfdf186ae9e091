#include "worker/globals.h"

#include <string.h>

#define PACKAGE "Mail::MIMEDefang"

static GV *glob(pTHX_ const char *name)
{
	static HV *package; /* there is one interpreter, and a package is never removed */
	SV **entry;

	if (package == NULL)
		package = gv_stashpvs(PACKAGE, GV_ADD);
	entry = hv_fetch(package, name, (I32)strlen(name), 0);
	if (entry == NULL || !isGV(*entry))
		croak("there is no variable " PACKAGE "::%s", name);
	return (GV *)*entry;
}

SV *globals_scalar(pTHX_ const char *name)
{
	return GvSVn(glob(aTHX_ name));
}

AV *globals_array(pTHX_ const char *name)
{
	return GvAVn(glob(aTHX_ name));
}

HV *globals_hash(pTHX_ const char *name)
{
	return GvHVn(glob(aTHX_ name));
}
