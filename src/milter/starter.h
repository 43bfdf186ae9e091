/* starter.h - waiting at the start until the controller answers. */
#ifndef DEFANG_MILTER_STARTER_H
#define DEFANG_MILTER_STARTER_H

#include "milter/client.h"

#include <stdbool.h>

#define STARTER_TRIES 100
#define STARTER_PAUSE_MS 200

struct starter;

/* Ask `free` until there is an answer, at most STARTER_TRIES times with STARTER_PAUSE_MS between them. Then
 * `cb` is called, once, and the starter is freed by itself. NULL when out of memory. */
struct starter *starter_new(const struct client *client, void (*cb)(bool alive, void *arg), void *arg);
void starter_free(struct starter *s); /* gives up; NULL is allowed */

#endif
