#include "milter/fate.h"

#include <errno.h>

const char *fate_name(enum fate f)
{
	static const char *const names[] = {
		[FATE_ACCEPT] = "accept",   [FATE_REJECT] = "reject",   [FATE_TEMPFAIL] = "tempfail",
		[FATE_DISCARD] = "discard", [FATE_ABORTED] = "aborted", [FATE_LOST] = "lost",
	};

	return names[f];
}

const char *fate_failure_name(enum failure f)
{
	static const char *const names[] = {
		[FAILURE_NONE] = "",
		[FAILURE_NO_CONTROLLER] = "no-controller",
		[FAILURE_CONTROLLER_ERROR] = "controller-error",
		[FAILURE_NO_WORKER] = "no-worker",
		[FAILURE_NOT_ASKED] = "not-asked",
		[FAILURE_TIMEOUT] = "timeout",
		[FAILURE_SPOOL] = "spool",
		[FAILURE_NO_RESULTS] = "results-missing",
		[FAILURE_BAD_RESULTS] = "results-bad",
		[FAILURE_UNABLE_MTA] = "mta-cannot",
		[FAILURE_MEMORY] = "memory",
		[FAILURE_ABORTED] = "aborted-by-mta",
		[FAILURE_HANGUP] = "hangup",
		[FAILURE_SILENCE] = "silent-mta",
		[FAILURE_PROTOCOL] = "protocol-error",
		[FAILURE_CROWDED] = "session-limit",
		[FAILURE_STOPPING] = "stopping",
	};

	return names[f];
}

enum fate fate_of_verdict(enum verdict v)
{
	switch (v) {
	case VERDICT_REJECT:
		return FATE_REJECT;
	case VERDICT_TEMPFAIL:
		return FATE_TEMPFAIL;
	case VERDICT_DISCARD:
		return FATE_DISCARD;
	default:
		return FATE_ACCEPT;
	}
}

enum failure fate_failure_of(int err)
{
	return err == -ENOMEM ? FAILURE_MEMORY : FAILURE_SPOOL;
}
