#include "proto/percent.h"
#include "worker/xs.h"

/* A string in characters is coded as its UTF-8 bytes. */
static void xs_percent_encode(pTHX_ CV *cv)
{
	dXSARGS;
	struct buf out;
	const char *s;
	STRLEN n;

	if (items != 1)
		croak_xs_usage(cv, "string");
	s = SvPV(ST(0), n);
	buf_init(&out, BUF_NO_LIMIT);
	percent_encode(&out, s, n);
	ST(0) = sv_2mortal(newSVpvn(out.data, out.len));
	buf_free(&out);
	XSRETURN(1);
}

static void xs_percent_decode(pTHX_ CV *cv)
{
	dXSARGS;
	const char *s;
	STRLEN n;
	SV *out;

	if (items != 1)
		croak_xs_usage(cv, "string");
	s = SvPV(ST(0), n);
	out = sv_2mortal(newSVpvn(s, n));
	SvCUR_set(out, percent_decode_n(SvPVX(out), n));
	ST(0) = out;
	XSRETURN(1);
}

void xs_percent_boot(pTHX)
{
	newXS("Mail::MIMEDefang::percent_encode", xs_percent_encode, __FILE__);
	newXS("Mail::MIMEDefang::percent_decode", xs_percent_decode, __FILE__);
}
