/* strays.h - descriptors of the work directory that a filter, or a library that it uses, has opened and
 * forgotten: with each message one more, and its files live on. */
#ifndef DEFANG_WORKER_STRAYS_H
#define DEFANG_WORKER_STRAYS_H

/* Close all descriptors that point below the folder whose descriptor is given, and tell it (leftover.h). Left
 * alone are `folder` itself, what belongs to a handle of Perl's or to a message that is still in use, and
 * folders, whose descriptors belong to handles that cannot be asked. */
void strays_close(int folder);

#endif
