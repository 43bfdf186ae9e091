/* negotiate.h - what we agree on with an MTA: protocol version, actions, protocol steps. Pure. */
#ifndef DEFANG_MILTER_NEGOTIATE_H
#define DEFANG_MILTER_NEGOTIATE_H

#include <stdbool.h>
#include <stdint.h>

/* The stages at which our answer matters to the MTA. At the others we ask not to be waited for. */
struct needs {
	bool connect, helo, mail, rcpt;
	bool refused_rcpt; /* show us recipients that the MTA itself refuses, too */
};

struct agreement {
	uint32_t version;
	uint32_t actions;  /* MILTER_F_*: changes we may send */
	uint32_t protocol; /* MILTER_P_*: what the MTA spares us and itself */
};

/* The answer to an offer: never above it. All actions that are offered; of the protocol steps those that save
 * round trips. 0, or -1 when the MTA's version is older than we speak (*out is then untouched). */
int negotiate(const struct needs *needs, uint32_t version, uint32_t actions, uint32_t protocol,
	      struct agreement *out);

/* Whether the MTA waits for our answer at the stage of `no_reply`, a MILTER_P_NR_* flag. */
bool agreement_answers(const struct agreement *a, uint32_t no_reply);

/* Whether header values come, and are to be sent, with all blanks that stand behind the colon. */
bool agreement_leads_space(const struct agreement *a);

/* The changes to a message (MILTER_F_*) that the MTA cannot make. */
uint32_t agreement_lacks(const struct agreement *a);

#endif
