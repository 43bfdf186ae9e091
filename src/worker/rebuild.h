/* rebuild.h - a message written anew: as MIME::Entity::print_body() writes it, but what a filter has left as
 * it came is copied from the message byte for byte. */
#ifndef DEFANG_WORKER_REBUILD_H
#define DEFANG_WORKER_REBUILD_H

#include "worker/perlapi.h"

/* Write the body of a MIME::Entity to NEWBODY in the folder of that descriptor. Dies when that fails. */
void rebuild_write_body(pTHX_ SV *entity, int folder);

#endif
