/* asked.h - what is wanted of a milter, in order: a file in its folder to which each stop appends a letter
 * before it does anything else, and each start and restart when all has been checked. Who starts the milter
 * notes how long the file is when he is told to, and obeys the stops that come behind that. So nothing has to
 * be taken back, an old file hinders nobody, and nothing is lost between two looks. The file goes when
 * run_dir does, at a boot. */
#ifndef DEFANG_PMX_ASKED_H
#define DEFANG_PMX_ASKED_H

#include "pmx/place.h"

#include <stdbool.h>
#include <stdint.h>

enum asked {
	ASKED_NOTHING,
	ASKED_GENTLY,   /* what has not begun is not to begin */
	ASKED_ABRUPTLY, /* nor is anything to go on */
};

/* Nothing is written where nobody has asked_note()d, where something else than a plain file is in the way, or
 * on a full file system: the signals of a stop are what counts. */

/* The milter shall be down. A mark: what comes behind is wanted later. */
int64_t asked_stop(const struct place *p, bool abruptly);

/* It shall run. */
void asked_start(const struct place *p);

/* A mark: only what is wanted from now on counts. The folder is made if it is missing. */
int64_t asked_note(const struct place *p);

/* The most abrupt of what stops have wanted since then. */
enum asked asked_since(const struct place *p, int64_t mark);

/* Whether a start or restart has come since then. */
bool asked_is_overruled(const struct place *p, int64_t mark);

#endif
