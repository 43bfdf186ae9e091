/* capabilities.h - what the milter engine can do, as `mimedefang prcap` prints it. Pure. */
#ifndef DEFANG_MILTER_CAPABILITIES_H
#define DEFANG_MILTER_CAPABILITIES_H

#include "base/buf.h"

/* One line each: a name padded to 30 columns, a space, a value. The names are those by which programs know
 * libmilter's abilities; SMFI_VERSION tells the newest milter protocol version that is spoken. */
void capabilities_list(struct buf *out);

#endif
