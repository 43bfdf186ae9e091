/* asked.h - what stops want: a file in the folder of a milter to which each of them appends a byte before it
 * does anything else. Who starts the milter notes how long the file is when he is told to, and obeys what
 * comes behind that. So nothing has to be taken back, an old file hinders nobody, and nothing is lost between
 * two looks. The file goes when run_dir does, at a boot. */
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

/* The milter shall be down. Nothing is done where nobody has asked_note()d, where something else than a plain
 * file is in the way, or on a full file system: the signals of the stop are what counts. */
void asked_write(const struct place *p, bool abruptly);

/* A mark: only what is wanted from now on counts. The folder is made if it is missing. */
int64_t asked_note(const struct place *p);

/* The most abrupt of what has been wanted since then. */
enum asked asked_since(const struct place *p, int64_t mark);

#endif
