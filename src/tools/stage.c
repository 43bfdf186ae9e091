#include "tools/stage.h"

#include "proto/milter.h"

static const struct stage_rule rules[] = {
	[STAGE_NEGOTIATE] = { "negotiate", MILTER_OPTNEG },
	[STAGE_CONNECT] = { "connect", MILTER_CONNECT, MILTER_P_NOCONNECT, MILTER_P_NR_CONN, 0, true },
	[STAGE_HELO] = { "helo", MILTER_HELO, MILTER_P_NOHELO, MILTER_P_NR_HELO, 0, true },
	[STAGE_MAIL] = { "mail", MILTER_MAIL, MILTER_P_NOMAIL, MILTER_P_NR_MAIL, 0, true },
	[STAGE_RCPT] = { "rcpt", MILTER_RCPT, MILTER_P_NORCPT, MILTER_P_NR_RCPT, 0, true },
	[STAGE_DATA] = { "data", MILTER_DATA, MILTER_P_NODATA, MILTER_P_NR_DATA, 4, true },
	[STAGE_HEADER] = { "header", MILTER_HEADER, MILTER_P_NOHDRS, MILTER_P_NR_HDR, 0, false, true },
	[STAGE_EOH] = { "eoh", MILTER_EOH, MILTER_P_NOEOH, MILTER_P_NR_EOH, 0, false, true },
	[STAGE_BODY] = { "body", MILTER_BODY, MILTER_P_NOBODY, MILTER_P_NR_BODY, 0, false, true },
	[STAGE_EOM] = { "eom", MILTER_EOM, 0, 0, 0, true, true },
	[STAGE_OVER] = { "over" },
};

const struct stage_rule *stage_rule(enum stage s)
{
	return &rules[s];
}

const char *stage_name(enum stage s)
{
	return rules[s].name;
}
