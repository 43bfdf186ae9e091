/* template.h - the process that has the filter loaded and forks workers of it on order (-E). A worker is a
 * child of the controller, not of this process, so that the controller waits for it as for any other.
 * Protocol: mimedefang-protocol(7). */
#ifndef DEFANG_WORKER_TEMPLATE_H
#define DEFANG_WORKER_TEMPLATE_H

/* Put the controller's socket, descriptor 3, out of the way of what is loaded. The new descriptor, or -errno.
 */
int template_take_socket(void);

enum template_end {
	TEMPLATE_WORKER, /* this is a new worker: its pipes are its descriptors 0, 1, 2, and 3 if it has one
			  */
	TEMPLATE_OVER,   /* the controller has hung up */
	TEMPLATE_BROKEN, /* the socket fails, or the controller does not keep to the protocol: errno */
};

/* Carry out orders that come over `socket`. Returns once in each worker that is forked, with the socket
 * closed there, and once in the template. */
enum template_end template_serve(int socket);

#endif
