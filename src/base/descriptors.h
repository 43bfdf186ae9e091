/* descriptors.h - how many descriptors the process may have open. */
#ifndef DEFANG_BASE_DESCRIPTORS_H
#define DEFANG_BASE_DESCRIPTORS_H

#include <stdint.h>

/* Raise the soft limit (RLIMIT_NOFILE) to the hard one. The limit that holds then. Programs that are started
 * later inherit it. */
int64_t descriptors_raise(void);

#endif
