/* results.h - the work directory of the request in hand, which xs_results.c holds open for RESULTS. */
#ifndef DEFANG_WORKER_RESULTS_H
#define DEFANG_WORKER_RESULTS_H

/* Its descriptor, which stays open until results_leave(); -1 when the request has none. */
int results_folder(void);

/* The request is over. */
void results_leave(void);

#endif
