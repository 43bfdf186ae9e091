/* asked.h - a file in the folder of a milter that says that it shall be down. A stop writes it when another
 * pmx-milter has the control lock, whose start or restart is to obey. */
#ifndef DEFANG_PMX_ASKED_H
#define DEFANG_PMX_ASKED_H

#include "pmx/place.h"

#include <stdbool.h>

enum asked {
	ASKED_NOTHING,
	ASKED_GENTLY,   /* what has not begun is not to begin */
	ASKED_ABRUPTLY, /* nor is anything to go on */
};

/* For the file system that is full this may do nothing, or less: the signals of the stop are what counts. A
 * gentle wish takes no abrupt one back. */
void asked_write(const struct place *p, bool abruptly);
enum asked asked_read(const struct place *p);
void asked_forget(const struct place *p);

#endif
