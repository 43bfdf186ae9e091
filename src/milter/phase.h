/* phase.h - the stages of an SMTP session as numbers, for what is counted of each. Pure. */
#ifndef DEFANG_MILTER_PHASE_H
#define DEFANG_MILTER_PHASE_H

#include "proto/milter.h"

enum phase {
	PHASE_CONNECT,
	PHASE_HELO,
	PHASE_MAIL,
	PHASE_RCPT,
	PHASE_DATA,
	PHASE_HEADER,
	PHASE_EOH,
	PHASE_BODY,
	PHASE_EOM,
	PHASES,
};

/* PHASES for a command that belongs to no stage. */
enum phase phase_of(enum milter_command c);
const char *phase_name(enum phase p); /* `connect`, `helo` .. */

#endif
