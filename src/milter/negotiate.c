#include "milter/negotiate.h"

#include "proto/milter.h"

/* What an offer of 0 stands for: the sets of protocol version 1, as libmilter reads it. */
#define ACTIONS_OF_OLD 0x0f
#define PROTOCOL_OF_OLD 0x3f

static uint32_t protocol_wanted(const struct needs *needs)
{
	uint32_t wanted = MILTER_P_NODATA | MILTER_P_NOUNKNOWN | MILTER_P_NR_DATA | MILTER_P_NR_UNKN |
			  MILTER_P_NR_HDR | MILTER_P_NR_EOH | MILTER_P_NR_BODY | MILTER_P_HDR_LEADSPC;

	if (!needs->connect)
		wanted |= MILTER_P_NR_CONN;
	if (!needs->helo)
		wanted |= MILTER_P_NR_HELO;
	if (!needs->mail)
		wanted |= MILTER_P_NR_MAIL;
	if (!needs->rcpt)
		wanted |= MILTER_P_NR_RCPT;
	if (needs->refused_rcpt)
		wanted |= MILTER_P_RCPT_REJ;
	return wanted;
}

int negotiate(const struct needs *needs, uint32_t version, uint32_t actions, uint32_t protocol,
	      struct agreement *out)
{
	if (version < MILTER_VERSION_MIN)
		return -1;
	out->version = version < MILTER_VERSION_MAX ? version : MILTER_VERSION_MAX;
	out->actions = (actions != 0 ? actions : ACTIONS_OF_OLD) & MILTER_F_ALL;
	out->protocol = (protocol != 0 ? protocol : PROTOCOL_OF_OLD) & protocol_wanted(needs);
	return 0;
}

bool agreement_answers(const struct agreement *a, uint32_t no_reply)
{
	return (a->protocol & no_reply) == 0;
}

bool agreement_leads_space(const struct agreement *a)
{
	return (a->protocol & MILTER_P_HDR_LEADSPC) != 0;
}

uint32_t agreement_lacks(const struct agreement *a)
{
	return MILTER_F_ALL & ~MILTER_F_SETSYMLIST & ~a->actions;
}
