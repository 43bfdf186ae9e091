/* port.h - the `port' of a milter: `inet:PORT@HOST', `inet6:PORT@HOST', HOST may be `any'; `local:PATH',
 * `unix:PATH', a relative PATH below the run folder. Pure. */
#ifndef DEFANG_PMX_PORT_H
#define DEFANG_PMX_PORT_H

#include "base/address.h"

#include <stdbool.h>

#define PORT_MAX 320 /* bytes of a text, the NUL included */

struct port {
	char text[PORT_MAX];    /* as mimedefang(8) takes it */
	struct address address; /* its len is 0 when `named' */
	bool named;             /* the host is a name that has to be looked up: resolve_address(text) */
	bool any;               /* all addresses */
	int number;             /* of TCP, else 0 */
};

/* NULL, or what is wrong, a constant. On error *out is untouched. */
const char *port_parse(const char *text, const char *run_dir, struct port *out);

/* The address of another socket (`status_port' ..) as the controller takes it: a relative path, with
 * `local:', `unix:' or nothing in front, is below the run folder. What does not fit is cut, and too long for
 * a socket. */
void port_socket_text(const char *text, const char *run_dir, char out[PORT_MAX]);

/* Whether the two could not be listened on at the same time; of named hosts only if the texts are equal. */
bool port_overlaps(const struct port *a, const struct port *b);

#endif
