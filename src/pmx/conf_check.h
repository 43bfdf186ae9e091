/* conf_check.h - what follows from several keys of pmx.conf: told as errors and warnings of the conf. Pure.
 */
#ifndef DEFANG_PMX_CONF_CHECK_H
#define DEFANG_PMX_CONF_CHECK_H

#include "pmx/conf.h"

#include <stdbool.h>

/* Defaults of the programs, for comparison with what is set. */
#define CONF_PROGRAM_MAX_WORKERS 2
#define CONF_PROGRAM_TIMEOUT_S 120
#define CONF_PROGRAM_COMMAND_TIMEOUT_S 10

#define CONF_USER "pmx6"
#define CONF_RUN_DIR "/run/pmx"
#define CONF_LOG_DIR "/var/log/pmx"
#define CONF_SPOOL_DIR "/var/spool/MIMEDefang"

struct conf_machine {
	int64_t lowest_port;  /* that one may listen on without being root */
	int64_t descriptors;  /* RLIMIT_NOFILE, the hard one */
	int64_t memory_bytes; /* of the machine; 0: not known */
};

void conf_check(struct conf *c, const struct conf_machine *machine);

/* How many workers of a milter may work at a time. */
int64_t conf_max_workers(const struct conf *c, const struct conf_milter *m);

/* The spool folder of a milter; to free(), NULL without memory. *made: it lies in one that is for all
 * milters, and is made when it is missing. */
char *conf_spool(const struct conf *c, const struct conf_milter *m, bool *made);

#endif
