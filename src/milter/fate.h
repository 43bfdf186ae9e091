/* fate.h - how messages end, and why some do not end as a filter has said: the words for it in the log and on
 * the status socket. Pure. */
#ifndef DEFANG_MILTER_FATE_H
#define DEFANG_MILTER_FATE_H

#include "proto/reply.h"

enum fate {
	FATE_ACCEPT, /* it went on, changed or not */
	FATE_REJECT,
	FATE_TEMPFAIL,
	FATE_DISCARD,
	FATE_ABORTED, /* the MTA took it back before it was decided */
	FATE_LOST,    /* the connection ended before the MTA could hear what was decided */
	FATES,
};

enum failure {
	FAILURE_NONE,
	FAILURE_NO_CONTROLLER,    /* cannot be reached, or hung up without a word */
	FAILURE_CONTROLLER_ERROR, /* it reports an error, a worker's too, or its reply is not understood */
	FAILURE_NO_WORKER,        /* it says that too few workers are free for another connection */
	FAILURE_NOT_ASKED,        /* the request was too long, or there was no memory for it */
	FAILURE_TIMEOUT,          /* no answer of the controller in time */
	FAILURE_SPOOL,            /* the work directory cannot be made or written */
	FAILURE_NO_RESULTS,       /* the filter left no RESULTS, or no NEWBODY that RESULTS speaks of */
	FAILURE_BAD_RESULTS,      /* they are too large, or not complete, or cannot be read */
	FAILURE_UNABLE_MTA,       /* the filter wants changes that the MTA does not offer */
	FAILURE_MEMORY,
	FAILURE_ABORTED,  /* by the MTA, within a message */
	FAILURE_HANGUP,   /* of the MTA, within a message */
	FAILURE_SILENCE,  /* of the MTA: it said nothing for too long, or took no answers */
	FAILURE_PROTOCOL, /* the MTA does not keep to the milter protocol */
	FAILURE_CROWDED,  /* no more connections are served at a time */
	FAILURE_STOPPING, /* we were told to end */
	FAILURES,
};

const char *fate_name(enum fate f);
const char *fate_failure_name(enum failure f); /* "" for NONE */

enum fate fate_of_verdict(enum verdict v);

/* Why something could not be written: MEMORY for -ENOMEM, else SPOOL. */
enum failure fate_failure_of(int err);

#endif
