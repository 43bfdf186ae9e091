/* message.h - a parsed message and the files of its bodies. A body is decoded into a file when somebody asks
 * for it, and not before: most filters look at names and types only.
 *
 * What Perl holds of a message refers to it by a key, so that it can tell of a part whether it is still as it
 * came. Knows nothing of Perl. */
#ifndef DEFANG_WORKER_MESSAGE_H
#define DEFANG_WORKER_MESSAGE_H

#include "mime/mime.h"

#include <stdbool.h>
#include <stdint.h>

struct message;

#define MESSAGE_MAX_PARTS \
	((1U << 24) - 1) /* above what the keys of parts can tell apart; max_parts at most */

/* Parse the file `fd`, which stays the caller's. Bodies will be files in `folder`, which must exist. On
 * MIME_SYSTEM errno is set. */
enum mime_error message_open(int fd, const char *folder, const struct mime_options *o, struct message **out);
void message_close(struct message *m); /* the files stay; NULL is allowed */

const struct mime *message_mime(const struct message *m);

/* The key of a part, never 0; what it stands for, as long as its message is open. */
int64_t message_key(const struct message *m, const struct mime_part *p);
struct message *message_find(int64_t key, const struct mime_part **part);

/* The file with the decoded body of a leaf: made now, unless it has been. The path belongs to the message.
 * NULL with errno set. */
const char *message_body_path(struct message *m, const struct mime_part *p);

/* Whether the body is what came: nobody has asked for its file, or nobody has written to it. */
bool message_body_is_original(const struct message *m, const struct mime_part *p);

/* Whether the path ends in the name of a body's file that is there already. */
bool message_has_path(const char *path);

/* Whether an open message reads from this descriptor. */
bool message_owns(int fd);

/* Make the files of all bodies of all open messages: for who looks into the folder. 0 or -errno. */
int message_write_all(void);

#endif
