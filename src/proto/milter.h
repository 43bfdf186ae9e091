/* milter.h - the milter wire protocol, versions 2 to 6: packets <-> structs, for both sides. Pure: no I/O, no
 * state. The facts are those of libmilter's headers (mfdef.h) and of what Postfix and Sendmail do.
 *
 * A packet is a 4-byte big-endian length (of what follows), one letter, data. Parsed structs point into the
 * packet's bytes; strings in them are NUL-terminated there. */
#ifndef DEFANG_PROTO_MILTER_H
#define DEFANG_PROTO_MILTER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MILTER_VERSION_MIN 2
#define MILTER_VERSION_MAX 6
#define MILTER_MAX_DATA 65535           /* bytes of data in a packet, MTA to filter */
#define MILTER_MAX_REPLY_DATA (1 << 30) /* the other way: what Postfix takes */
#define MILTER_CHUNK 65535              /* bytes of body that we put into one packet */

enum milter_command { /* MTA to filter */
		      MILTER_OPTNEG = 'O',
		      MILTER_CONNECT = 'C',
		      MILTER_HELO = 'H',
		      MILTER_MACRO = 'D',
		      MILTER_MAIL = 'M',
		      MILTER_RCPT = 'R',
		      MILTER_DATA = 'T',
		      MILTER_HEADER = 'L',
		      MILTER_EOH = 'N',
		      MILTER_BODY = 'B',
		      MILTER_EOM = 'E',
		      MILTER_ABORT = 'A',
		      MILTER_QUIT = 'Q',
		      MILTER_QUIT_NC = 'K',
		      MILTER_UNKNOWN = 'U',
};

enum milter_response { /* filter to MTA */
		       MILTER_CONTINUE = 'c',
		       MILTER_ACCEPT = 'a',
		       MILTER_REJECT = 'r',
		       MILTER_TEMPFAIL = 't',
		       MILTER_DISCARD = 'd',
		       MILTER_REPLYCODE = 'y',
		       MILTER_SKIP = 's',
		       MILTER_PROGRESS = 'p',
		       MILTER_SHUTDOWN = '4',
		       MILTER_CONN_FAIL = 'f',
		       MILTER_ADDHEADER = 'h',
		       MILTER_INSHEADER = 'i',
		       MILTER_CHGHEADER = 'm',
		       MILTER_REPLBODY = 'b',
		       MILTER_ADDRCPT = '+',
		       MILTER_ADDRCPT_PAR = '2',
		       MILTER_DELRCPT = '-',
		       MILTER_CHGFROM = 'e',
		       MILTER_QUARANTINE = 'q',
};

enum { /* SMFIF: actions */
       MILTER_F_ADDHDRS = 0x001,
       MILTER_F_CHGBODY = 0x002,
       MILTER_F_ADDRCPT = 0x004,
       MILTER_F_DELRCPT = 0x008,
       MILTER_F_CHGHDRS = 0x010,
       MILTER_F_QUARANTINE = 0x020,
       MILTER_F_CHGFROM = 0x040,
       MILTER_F_ADDRCPT_PAR = 0x080,
       MILTER_F_SETSYMLIST = 0x100,
       MILTER_F_ALL = 0x1ff,
};

enum { /* SMFIP: protocol steps */
       MILTER_P_NOCONNECT = 0x000001,
       MILTER_P_NOHELO = 0x000002,
       MILTER_P_NOMAIL = 0x000004,
       MILTER_P_NORCPT = 0x000008,
       MILTER_P_NOBODY = 0x000010,
       MILTER_P_NOHDRS = 0x000020,
       MILTER_P_NOEOH = 0x000040,
       MILTER_P_NR_HDR = 0x000080,
       MILTER_P_NOUNKNOWN = 0x000100,
       MILTER_P_NODATA = 0x000200,
       MILTER_P_SKIP = 0x000400,
       MILTER_P_RCPT_REJ = 0x000800,
       MILTER_P_NR_CONN = 0x001000,
       MILTER_P_NR_HELO = 0x002000,
       MILTER_P_NR_MAIL = 0x004000,
       MILTER_P_NR_RCPT = 0x008000,
       MILTER_P_NR_DATA = 0x010000,
       MILTER_P_NR_UNKN = 0x020000,
       MILTER_P_NR_EOH = 0x040000,
       MILTER_P_NR_BODY = 0x080000,
       MILTER_P_HDR_LEADSPC = 0x100000,
       MILTER_P_ALL = 0x1fffff,
};

/* What an MTA of this version may offer (the masks of libmilter and Postfix). */
uint32_t milter_actions_of(uint32_t version);
uint32_t milter_protocol_of(uint32_t version);

/* Of macro lists (SETSYMLIST). */
enum milter_stage {
	MILTER_AT_CONNECT,
	MILTER_AT_HELO,
	MILTER_AT_MAIL,
	MILTER_AT_RCPT,
	MILTER_AT_DATA,
	MILTER_AT_EOM,
	MILTER_AT_EOH,
	MILTER_STAGES,
};

/* Framing */

struct milter_packet {
	char letter;
	char *data;
	size_t len;
};

enum milter_frame {
	MILTER_FRAME_WHOLE,
	MILTER_FRAME_MORE,     /* not all of it is here */
	MILTER_FRAME_EMPTY,    /* length 0 */
	MILTER_FRAME_TOO_LONG, /* more than `max_data` bytes of data; told by the length alone */
};

/* Look for one packet at the start of in[0..n). *used is its size in bytes when whole, and what is needed in
 * all (header included, 4 at least) when more is. */
enum milter_frame milter_frame(char *in, size_t n, size_t max_data, struct milter_packet *out, size_t *used);

/* Commands: MTA to filter */

/* Several strings, each ended by a NUL: walk with milter_next(). */
struct milter_strings {
	const char *at, *end;
};

/* The next string, or NULL at the end. Bytes behind the last NUL are no string. */
const char *milter_next(struct milter_strings *s);

/* Macro lists of an OPTNEG. */
struct milter_lists {
	const char *at, *end;
};

/* 0 and the next list, or -1 at the end or at a malformed rest. */
int milter_next_list(struct milter_lists *l, uint32_t *stage, const char **names);

/* Of either side. */
struct milter_optneg {
	uint32_t version, actions, protocol;
	struct milter_lists lists;
};

struct milter_msg {
	enum milter_command command;
	union {
		struct milter_optneg optneg;
		struct {
			const char *host;
			char family; /* 'U' unknown, 'L' local, '4', '6' */
			uint16_t port;
			const char *address; /* "" for 'U' */
		} connect;
		struct {
			char stage; /* the letter of the command it belongs to */
			/* Name, value, name, value; a missing last value is "" to the reader. */
			struct milter_strings pairs;
		} macro;
		const char *text; /* HELO, UNKNOWN */
		struct {
			const char *address;
			struct milter_strings args; /* ESMTP parameters */
		} envelope;                         /* MAIL, RCPT */
		struct {
			const char *name, *value;
		} header;
		struct {
			const char *bytes;
			size_t len;
		} body; /* BODY; also EOM, which may carry a last piece */
	};
};

enum milter_error {
	MILTER_OK,
	MILTER_UNKNOWN_LETTER,
	MILTER_MALFORMED, /* data missing, a NUL missing, a bad address family: close, as libmilter does */
};

/* `p` is a whole packet. On error *out is untouched. Data where none belongs is ignored. */
enum milter_error milter_parse(const struct milter_packet *p, struct milter_msg *out);
void milter_put(struct buf *out, const struct milter_msg *m); /* the same, as a packet: for the MTA's side */

/* Packets of the MTA's side that are easier to give as arguments. */
void milter_put_macros(struct buf *out, char stage, const char *const *names, const char *const *values,
		       int n);
void milter_put_envelope(struct buf *out, enum milter_command c, const char *address, const char *const *args,
			 int n);

/* Responses: filter to MTA */

/* The filter's OPTNEG; lists[] are MILTER_STAGES names lists or NULL, sent when actions has SETSYMLIST. */
void milter_put_optneg(struct buf *out, uint32_t version, uint32_t actions, uint32_t protocol,
		       const char *const lists[]);

void milter_put_letter(struct buf *out, enum milter_response r); /* one without data */
void milter_put_text(struct buf *out, enum milter_response r,
		     const char *s); /* REPLYCODE, ADDRCPT, DELRCPT, QUARANTINE, CHGFROM */
void milter_put_text2(struct buf *out, enum milter_response r, const char *a,
		      const char *b); /* ADDHEADER, ADDRCPT_PAR, CHGFROM with parameters */
void milter_put_header(struct buf *out, enum milter_response r, uint32_t index, const char *name,
		       const char *value); /* INSHEADER, CHGHEADER */
void milter_put_body(struct buf *out, const char *bytes,
		     size_t n); /* REPLBODY, cut into packets of MILTER_CHUNK */

struct milter_answer {
	enum milter_response response; /* or MILTER_OPTNEG's letter: see optneg */
	bool is_optneg;
	union {
		struct milter_optneg optneg;
		struct {
			uint32_t index; /* 0 for ADDHEADER */
			const char *name, *value;
		} header;
		struct {
			const char *address, *params; /* params "" when there are none */
		} address;
		const char *text; /* REPLYCODE, QUARANTINE */
		struct {
			const char *bytes;
			size_t len;
		} body;
	};
};

/* For the MTA's side. Strict, as Postfix is: data behind a verdict, a missing NUL, a bad REPLYCODE are
 * MILTER_MALFORMED. */
enum milter_error milter_answer_parse(const struct milter_packet *p, struct milter_answer *out);

/* Whether a response ends the exchange of its stage (a verdict), rather than being a change or PROGRESS. */
bool milter_is_verdict(enum milter_response r);

/* `CONNECT`, `ADDHEADER` .., for people; `?` when unknown. */
const char *milter_command_name(char letter);
const char *milter_response_name(char letter);

/* Append the names of actions (MILTER_F_*), `ADDHDRS, CHGBODY`, in the order of their bits; bits that have
 * none are left out. */
void milter_name_actions(struct buf *out, uint32_t actions);

#endif
