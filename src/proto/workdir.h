/* workdir.h - the files by which front end and worker talk: COMMANDS (to the worker) and RESULTS (back). One
 * item a line: a letter, then arguments (mimedefang-protocol(7)). */
#ifndef DEFANG_PROTO_WORKDIR_H
#define DEFANG_PROTO_WORKDIR_H

#include "base/buf.h"

#include <stddef.h>

#define WORKDIR_INPUTMSG "INPUTMSG"
#define WORKDIR_HEADERS "HEADERS"
#define WORKDIR_COMMANDS "COMMANDS"
#define WORKDIR_RESULTS "RESULTS"
#define WORKDIR_NEWBODY "NEWBODY"

/* COMMANDS: letters as in the protocol page. */
enum command_letter {
	COMMAND_ID = 'i',
	COMMAND_SENDER = 'S',
	COMMAND_SENDER_ARG = 's',
	COMMAND_MACRO = '=',
	COMMAND_QUEUE_ID = 'Q',
	COMMAND_CLIENT_NAME = 'H',
	COMMAND_CLIENT_IP = 'I',
	COMMAND_HELO = 'E',
	COMMAND_RECIPIENT = 'R', /* RECIPIENT MAILER HOST ADDR */
	COMMAND_RECIPIENT_ARG = 'r',
	COMMAND_SUSPICIOUS_HEADER = '!',
	COMMAND_SUBJECT = 'U',
	COMMAND_MESSAGE_ID = 'X',
	COMMAND_RELAY = 'J', /* from the validation header: a.b.c.d */
	COMMAND_SUSPICIOUS_BODY = '?',
	COMMAND_END = 'F',
};

/* RESULTS */
enum result_letter {
	RESULT_BOUNCE = 'B',   /* CODE DSN TEXT */
	RESULT_TEMPFAIL = 'T', /* CODE DSN TEXT */
	RESULT_DISCARD = 'D',
	RESULT_NEW_BODY = 'C',
	RESULT_CONTENT_TYPE = 'M',  /* VALUE */
	RESULT_ADD_HEADER = 'H',    /* NAME VALUE */
	RESULT_INSERT_HEADER = 'N', /* NAME INDEX VALUE */
	RESULT_CHANGE_HEADER = 'I', /* NAME INDEX VALUE */
	RESULT_DELETE_HEADER = 'J', /* NAME INDEX */
	RESULT_ADD_RECIPIENT = 'R',
	RESULT_DELETE_RECIPIENT = 'S',
	RESULT_CHANGE_SENDER = 'f',
	RESULT_QUARANTINE = 'Q', /* REASON */
	RESULT_END = 'F',
};

/* Bytes of one line in either file, without its LF: room for the longest string that an MTA can send (64
 * KiB), each byte encoded as three. */
#define WORKDIR_MAX_LINE 262144
#define WORKDIR_MAX_ARGS 8

struct item {
	char letter; /* 0 for an empty line */
	int argc;
	char *argv[WORKDIR_MAX_ARGS]; /* decoded; into the parsed line */
};

enum item_error { ITEM_OK, ITEM_TOO_MANY_ARGS };

/* Parse one line, without its LF, in place: letter, then words split at single spaces or tabs, each decoded.
 * An argument may be empty (`Iname 1 `). More than WORKDIR_MAX_ARGS words: ITEM_TOO_MANY_ARGS, *out
 * untouched. Whether the letter is known is the caller's business. */
enum item_error item_parse(char *line, struct item *out);

/* A line: letter, arguments encoded and joined by single spaces, LF. */
void item_write(struct buf *out, char letter, const char *const *args, int n_args);
void item_write1(struct buf *out, char letter, const char *arg);

/* `=NAME VALUE` */
void item_write_macro(struct buf *out, const char *name, const char *value);

#endif
