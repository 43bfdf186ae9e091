#include "milter/phase.h"

static const struct {
	enum milter_command command;
	const char *name;
} phases[] = {
	[PHASE_CONNECT] = { MILTER_CONNECT, "connect" },
	[PHASE_HELO] = { MILTER_HELO, "helo" },
	[PHASE_MAIL] = { MILTER_MAIL, "mail" },
	[PHASE_RCPT] = { MILTER_RCPT, "rcpt" },
	[PHASE_DATA] = { MILTER_DATA, "data" },
	[PHASE_HEADER] = { MILTER_HEADER, "header" },
	[PHASE_EOH] = { MILTER_EOH, "eoh" },
	[PHASE_BODY] = { MILTER_BODY, "body" },
	[PHASE_EOM] = { MILTER_EOM, "eom" },
};

enum phase phase_of(enum milter_command c)
{
	int p = 0;

	while (p < PHASES && phases[p].command != c)
		p++;
	return (enum phase)p;
}

const char *phase_name(enum phase p)
{
	return phases[p].name;
}
