#include "worker/perlstate.h"

#include "worker/interp.h"
#include "worker/leftover.h"
#include "worker/perlapi.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SIGNALS_MODULE "Mail::MIMEDefang::Signals::"

/* Those whose place in the kernel is looked at: what is used, and what a library may change behind Perl's
 * back. */
static const int usual[] = { SIGHUP, SIGINT, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD };
#define USUAL (sizeof(usual) / sizeof(usual[0]))

static struct {
	bool done;
	SV *handlers[SIG_SIZE]; /* copies, so that nothing else gets their addresses; NULL: none */
	SV *die, *warn;
	struct sigaction actions[USUAL];
	char *path;
} noted;

/* The Perl code or the name that a handler stands for. NULL for none; to ignore a signal is for the kernel to
 * know. */
static SV *handler_code(SV *handler)
{
	if (handler == NULL || !SvOK(handler))
		return NULL;
	if (SvROK(handler) || !SvPOK(handler))
		return handler;
	if (SvCUR(handler) == 0 || strcmp(SvPVX(handler), "DEFAULT") == 0 ||
	    strcmp(SvPVX(handler), "IGNORE") == 0)
		return NULL;
	return handler;
}

static bool handler_is_same(SV *now, SV *then)
{
	now = handler_code(now);
	if (now == NULL || then == NULL)
		return now == then;
	if (SvROK(now) || SvROK(then))
		return SvROK(now) && SvROK(then) && SvRV(now) == SvRV(then);
	if (SvPOK(now) && SvPOK(then))
		return strcmp(SvPVX(now), SvPVX(then)) == 0;
	return SvTYPE(now) == SvTYPE(then);
}

static SV *handler_copy(pTHX_ SV *handler)
{
	handler = handler_code(handler);
	return handler == NULL ? NULL : newSVsv_nomg(handler);
}

/* The name of what has another handler; NULL when none has. */
static const char *handlers_changed(pTHX)
{
	for (int i = 1; i < SIG_SIZE; i++)
		if (!handler_is_same(PL_psig_ptr[i], noted.handlers[i]))
			return PL_sig_name[i];
	if (!handler_is_same(PL_diehook, noted.die))
		return "__DIE__";
	return handler_is_same(PL_warnhook == PERL_WARNHOOK_FATAL ? NULL : PL_warnhook, noted.warn)
		       ? NULL
		       : "__WARN__";
}

/* Of the flags some are the C library's own. */
static bool action_is_same(const struct sigaction *a, const struct sigaction *b)
{
	int flags = SA_RESTART | SA_NOCLDWAIT | SA_NOCLDSTOP;

	return a->sa_handler == b->sa_handler && ((a->sa_flags ^ b->sa_flags) & flags) == 0;
}

/* The signal whose place in the kernel is another one; NULL when all are as noted. */
static const char *actions_changed(void)
{
	for (size_t i = 0; i < USUAL; i++) {
		struct sigaction now;

		if (sigaction(usual[i], NULL, &now) == 0 && !action_is_same(&now, &noted.actions[i]))
			return PL_sig_name[usual[i]];
	}
	return NULL;
}

static void signals_call(const char *name)
{
	char function[64];
	struct buf out;

	snprintf(function, sizeof(function), SIGNALS_MODULE "%s", name);
	buf_init(&out, 1024);
	interp_call(function, NULL, 0, &out);
	buf_free(&out);
}

static void signals_restore(pTHX)
{
	const char *changed = handlers_changed(aTHX);

	if (changed == NULL && (changed = actions_changed()) == NULL)
		return;
	signals_call("restore");
	for (size_t i = 0; i < USUAL; i++)
		sigaction(usual[i], &noted.actions[i], NULL);
	leftover_tell(LEFTOVER_SIGNAL, changed);
}

/* A separator that is not set. */
static void unset_restore(pTHX_ const char *name, SV *value, const char *shown)
{
	if (value == NULL || !SvOK(value))
		return;
	sv_setsv_mg(get_sv(name, GV_ADD), &PL_sv_undef);
	leftover_tell(LEFTOVER_SEPARATOR, shown);
}

static void separators_restore(pTHX)
{
	SV *line = get_sv("/", GV_ADD);

	if (!SvPOK(line) || SvCUR(line) != 1 || *SvPVX(line) != '\n') {
		sv_setpvs_mg(line, "\n");
		leftover_tell(LEFTOVER_SEPARATOR, "$/");
	}
	unset_restore(aTHX_ "\\", PL_ors_sv, "$\\");
	unset_restore(aTHX_ ",", PL_ofsgv == NULL ? NULL : GvSV(PL_ofsgv), "$,");
}

static void handle_restore(pTHX)
{
	GV *standard = gv_fetchpvs("STDOUT", GV_ADD, SVt_PVIO);

	if (PL_defoutgv != standard) {
		setdefout(standard);
		leftover_tell(LEFTOVER_HANDLE, "");
	}
	if (GvIOp(standard) != NULL && !(IoFLAGS(GvIOp(standard)) & IOf_FLUSH)) {
		IoFLAGS(GvIOp(standard)) |= IOf_FLUSH;
		leftover_tell(LEFTOVER_AUTOFLUSH, "");
	}
}

static void path_restore(pTHX)
{
	const char *now = getenv("PATH");
	SV **slot;

	if (now == noted.path || (now != NULL && noted.path != NULL && strcmp(now, noted.path) == 0))
		return;
	if (noted.path == NULL)
		(void)hv_deletes(GvHVn(PL_envgv), "PATH", G_DISCARD);
	else if ((slot = hv_fetchs(GvHVn(PL_envgv), "PATH", TRUE)) != NULL)
		sv_setpv_mg(*slot, noted.path);
	leftover_tell(LEFTOVER_PATH, "");
}

void perlstate_note(void)
{
	dTHX;

	for (int i = 1; i < SIG_SIZE; i++)
		noted.handlers[i] = handler_copy(aTHX_ PL_psig_ptr[i]);
	noted.die = handler_copy(aTHX_ PL_diehook);
	noted.warn = handler_copy(aTHX_ PL_warnhook == PERL_WARNHOOK_FATAL ? NULL : PL_warnhook);
	for (size_t i = 0; i < USUAL; i++)
		sigaction(usual[i], NULL, &noted.actions[i]);
	if (getenv("PATH") != NULL)
		noted.path = strdup(getenv("PATH"));
	signals_call("note");
	noted.done = true;
}

void perlstate_restore(void)
{
	dTHX;

	separators_restore(aTHX);
	handle_restore(aTHX);
	if (noted.done) {
		signals_restore(aTHX);
		path_restore(aTHX);
	}
}

bool perlstate_owns(int fd)
{
	return fd < PL_perlio_fd_refcnt_size && PL_perlio_fd_refcnt[fd] > 0;
}
