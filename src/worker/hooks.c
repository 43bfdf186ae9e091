#include "worker/hooks.h"

#include "worker/message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Perl's own functions for the operations that we stand in front of. */
static OP *(*originals[MAXO])(pTHX);

static void bodies_write(pTHX)
{
	int rc = message_write_all();

	if (rc < 0)
		croak("cannot decode the bodies: %s", strerror(-rc));
}

static OP *original(pTHX)
{
	return originals[PL_op->op_type](aTHX);
}

/* Operations after which another program may read the folder, or that read it. */
static OP *on_operation(pTHX)
{
	bodies_write(aTHX);
	return original(aTHX);
}

/* Whether an argument of open names something in the folder, or a program. */
static bool is_of_interest(pTHX_ SV *arg)
{
	const char *text;
	STRLEN n;

	if (!SvPOK(arg))
		return false;
	text = SvPV(arg, n);
	if (message_has_path(text))
		return false;
	return memmem(text, n, "Work", 4) != NULL || memmem(text, n, "msg-", 4) != NULL ||
	       memchr(text, '|', n) != NULL;
}

static OP *on_open(pTHX)
{
	bool wanted = false;

	for (SV **arg = PL_stack_base + TOPMARK + 1; arg <= PL_stack_sp && !wanted; arg++)
		wanted = is_of_interest(aTHX_ * arg);
	if (wanted)
		bodies_write(aTHX);
	return original(aTHX);
}

static void hook(int op, OP *(*function)(pTHX))
{
	originals[op] = PL_ppaddr[op];
	PL_ppaddr[op] = function;
}

void hooks_install(pTHX)
{
	/* Scanners are asked through sockets, too. */
	static const int operations[] = { OP_SYSTEM,   OP_EXEC, OP_BACKTICK, OP_FORK,
					  OP_OPEN_DIR, OP_GLOB, OP_CONNECT };

	if (originals[OP_OPEN] != NULL)
		return;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		hook(operations[i], on_operation);
	hook(OP_OPEN, on_open);
	hook(OP_SYSOPEN, on_open);
}
