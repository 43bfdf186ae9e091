/* conf_file.h - pmx.conf from the file system: reads it, looks who may write it, knows the machine. */
#ifndef DEFANG_PMX_CONF_FILE_H
#define DEFANG_PMX_CONF_FILE_H

#include "pmx/conf.h"

/* Read and check all: conf_read() and conf_check() with this machine, and the rights of each file: one that
 * is writable by group or others, or owned by somebody else than root and the user of the milters (and us),
 * is an error. *out is to be freed in any case. 0 or -errno as conf_read(). */
int conf_file_read(const char *path, struct conf *out);

#endif
