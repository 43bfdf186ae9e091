/* id.h - identifiers of messages whose queue id is not known yet. Pure. */
#ifndef DEFANG_MILTER_ID_H
#define DEFANG_MILTER_ID_H

#include <stdint.h>

#define ID_SIZE 8 /* 7 characters and a NUL */

struct id_source {
	uint32_t next; /* starts at 0 */
};

/* Seven digits to the base of 60 (0-9 a-z A-X): five of the time in seconds, two of a counter. Unique for
 * 3600 messages a second. */
void id_make(struct id_source *from, int64_t now_s, char out[ID_SIZE]);

#endif
