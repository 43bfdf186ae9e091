/* stage.h - the stages of a conversation with a milter, and what an MTA does at each. */
#ifndef DEFANG_TOOLS_STAGE_H
#define DEFANG_TOOLS_STAGE_H

#include <stdbool.h>
#include <stdint.h>

enum stage {
	STAGE_NEGOTIATE,
	STAGE_CONNECT,
	STAGE_HELO,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_DATA,
	STAGE_HEADER,
	STAGE_EOH,
	STAGE_BODY,
	STAGE_EOM,
	STAGE_OVER, /* nothing more is to be said */
};

struct stage_rule {
	const char *name;
	char letter;
	uint32_t skip;        /* the flag by which a filter says that it does not want the command */
	uint32_t silent;      /* .. that it will not reply */
	uint32_t min_version; /* of the protocol */
	bool macros_always;   /* macros are sent for a skipped command too */
	bool content;         /* the longer time limit */
};

const struct stage_rule *stage_rule(enum stage s);
const char *stage_name(enum stage s);

#endif
