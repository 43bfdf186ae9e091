#include "worker/deadline.h"
#include "worker/xs.h"

/* md_time_left(): seconds until the controller gives the request up. */
static void xs_md_time_left(pTHX_ CV *cv)
{
	dXSARGS;

	if (items != 0)
		croak_xs_usage(cv, "");
	EXTEND(SP, 1);
	ST(0) = sv_2mortal(newSVnv(deadline_left()));
	XSRETURN(1);
}

/* time_limit(): seconds that the controller gives a request. */
static void xs_time_limit(pTHX_ CV *cv)
{
	dXSARGS;

	if (items != 0)
		croak_xs_usage(cv, "");
	EXTEND(SP, 1);
	ST(0) = sv_2mortal(newSVnv(deadline_limit()));
	XSRETURN(1);
}

void xs_deadline_boot(pTHX)
{
	newXS("Mail::MIMEDefang::md_time_left", xs_md_time_left, __FILE__);
	newXS("Mail::MIMEDefang::time_limit", xs_time_limit, __FILE__);
}
