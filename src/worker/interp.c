#include "worker/interp.h"

#include "base/self.h"
#include "worker/perlapi.h"
#include "worker/xs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static PerlInterpreter *interp;

EXTERN_C void boot_DynaLoader(pTHX_ CV *cv);

/* By it mimedefang.pl knows that it runs in here, and says that it wants the API. */
#define HOST "Mail::MIMEDefang::Worker::Host"

static void boot(pTHX)
{
	sv_setpvs(get_sv(HOST, GV_ADD), "offered");
	newXS("DynaLoader::boot_DynaLoader", boot_DynaLoader, __FILE__);
}

/* Whether an eval ended by die. An exception that is an object may be false to Perl. */
static bool has_died(pTHX)
{
	SV *error = ERRSV;

	return SvROK(error) || (SvPOK(error) ? SvCUR(error) > 0 : SvOK(error));
}

/* The text of an exception that is an object. Its conversion to a string may die, too. */
static SV *exception_text(pTHX)
{
	dSP;
	SV *text, *error = sv_mortalcopy(ERRSV);

	PUSHMARK(SP);
	XPUSHs(error);
	PUTBACK;
	call_pv("Mail::MIMEDefang::Worker::exception_text", G_SCALAR | G_EVAL);
	SPAGAIN;
	text = POPs;
	PUTBACK;
	return !has_died(aTHX) && SvPOK(text) ? text : sv_2mortal(newSVpvs("an object without a text"));
}

/* What an eval left: $@ without its last newline. */
static void error_get(pTHX_ struct buf *out)
{
	SV *error = ERRSV;
	const char *text;
	STRLEN n;

	if (SvROK(error))
		error = exception_text(aTHX);
	text = SvPV(error, n);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	buf_clear(out);
	buf_add(out, text, n);
}

/* Our modules lie at a fixed place relative to this program, so that a tree works from any folder. */
static bool modules_find(pTHX)
{
	char *relative = self_path(DEFANG_PERL5_FROM_LIB), path[PATH_MAX];
	bool found = relative != NULL && realpath(relative, path) != NULL;

	free(relative);
	if (found) {
		AV *inc = get_av("INC", GV_ADD);

		av_unshift(inc, 1);
		av_store(inc, 0, newSVpv(path, 0));
	}
	return found;
}

static bool api_load(pTHX_ struct buf *error)
{
	if (!modules_find(aTHX)) {
		buf_adds(error, "cannot find the filter modules beside this program");
		return false;
	}
	xs_boot(aTHX); /* now: another program may have modules of these names */
	eval_pv("require Mail::MIMEDefang::Worker", FALSE);
	if (has_died(aTHX)) {
		error_get(aTHX_ error);
		return false;
	}
	return true;
}

static bool program_run(pTHX_ int n_args, char **args)
{
	perl_construct(aTHX);
	PL_exit_flags |= PERL_EXIT_DESTRUCT_END;
	return perl_parse(aTHX, boot, n_args, args, NULL) == 0 && perl_run(aTHX) == 0;
}

/* Start the interpreter with a program. */
static bool program_start(int n_args, char **args, struct buf *error)
{
	char **env = environ;

	PERL_SYS_INIT3(&n_args, &args, &env);
	interp = perl_alloc();
	if (interp != NULL && program_run(interp, n_args, args))
		return true;
	buf_addf(error, "%s does not start", args[1][0] == '-' ? "Perl" : args[1]);
	return false;
}

bool interp_start(char *argv[], struct buf *error)
{
	/* Perl keeps the array, and writes to argv[0] when $0 is set. */
	static char option_e[] = "-e", program[] = "0";
	static char *perl_argv[] = { NULL, option_e, program, NULL };

	perl_argv[0] = argv[0];
	return program_start(3, perl_argv, error) && api_load(interp, error);
}

bool interp_start_program(int argc, char *argv[], bool *ours, struct buf *error)
{
	if (!program_start(argc, argv, error))
		return false;
	*ours = strcmp(interp_scalar(HOST), "wanted") == 0;
	return !*ours || api_load(interp, error);
}

void interp_forked(void)
{
	dTHXa(interp);

	PL_srand_called = FALSE; /* or all workers would draw the same numbers */
}

/* To look for leaks, all memory has to be given back; otherwise that is work for nothing, above all in a
 * forked worker, which would get pages of its own for it. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define DESTRUCT_LEVEL 1
#else
#define DESTRUCT_LEVEL 0
#endif

void interp_stop(void)
{
	dTHXa(interp);

	if (interp == NULL)
		return;
	PL_perl_destruct_level = DESTRUCT_LEVEL;
	perl_destruct(interp);
	if (DESTRUCT_LEVEL == 0)
		return;
	perl_free(interp);
	interp = NULL;
	PERL_SYS_TERM();
}

bool interp_call(const char *function, const char *const *args, int n_args, struct buf *out)
{
	dTHXa(interp);
	dSP;
	bool returned;
	SV *result;

	buf_clear(out);
	ENTER;
	SAVETMPS;
	PUSHMARK(SP);
	EXTEND(SP, n_args);
	for (int i = 0; i < n_args; i++)
		PUSHs(sv_2mortal(newSVpv(args[i], 0)));
	PUTBACK;
	call_pv(function, G_SCALAR | G_EVAL);
	SPAGAIN;
	result = POPs;
	PUTBACK;
	returned = !has_died(aTHX);
	if (!returned) {
		error_get(aTHX_ out);
	} else if (SvOK(result)) {
		STRLEN n;
		const char *text = SvPV(result, n);

		buf_add(out, text, n);
	}
	FREETMPS;
	LEAVE;
	return returned;
}

const char *interp_scalar(const char *name)
{
	dTHXa(interp);
	SV *sv = get_sv(name, GV_ADD);

	return SvOK(sv) ? SvPV_nolen(sv) : "";
}
