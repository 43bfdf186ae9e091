/* nearest.h - "did you mean": the known word that is nearest to a mistyped one. Pure. */
#ifndef DEFANG_PMX_NEAREST_H
#define DEFANG_PMX_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 64 /* bytes of a word that is looked at; a longer one is near to nothing */

/* How many letters have to be put in, taken out or replaced to make `b` of `a`; two neighbours that changed
 * places count as one. Above NEAREST_MAX bytes: NEAREST_MAX. */
size_t nearest_distance(const char *a, const char *b);

/* Whether that is so few that a slip of the fingers explains it: a third of the word, three at most. */
int nearest_is_near(const char *typed, size_t distance);

#endif
