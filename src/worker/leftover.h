/* leftover.h - what filters have left changed in the process. Who finds such a thing puts it back and tells
 * it here; the log gets a warning with the message's name, once a kind and process: it comes with every
 * message. */
#ifndef DEFANG_WORKER_LEFTOVER_H
#define DEFANG_WORKER_LEFTOVER_H

enum leftover {
	LEFTOVER_FOLDER,
	LEFTOVER_UMASK,
	LEFTOVER_ALARM,
	LEFTOVER_DESCRIPTOR, /* its detail: the path */
	LEFTOVER_SEPARATOR,  /* the variable */
	LEFTOVER_AUTOFLUSH,
	LEFTOVER_HANDLE,
	LEFTOVER_SIGNAL, /* a signal, when one is known */
	LEFTOVER_PATH,
	LEFTOVERS
};

/* `detail` may be "". Calls Perl. */
void leftover_tell(enum leftover kind, const char *detail);

#endif
