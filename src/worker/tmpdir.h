/* tmpdir.h - TMPDIR of the filter and of the programs that it runs: a folder in the work directory, another
 * one for each message. */
#ifndef DEFANG_WORKER_TMPDIR_H
#define DEFANG_WORKER_TMPDIR_H

/* Back to what it was before the first message. */
void tmpdir_restore(void);

#endif
