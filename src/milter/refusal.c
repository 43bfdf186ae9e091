#include "milter/refusal.h"

#include "base/buf.h"
#include "base/conn.h"
#include "proto/milter.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define INPUT_LIMIT 131072 /* bytes; at least one packet */
#define PATIENCE_MS 5000   /* for the first command that is answered */
#define LEAVE_MS 1000      /* from the answer on, for the MTA to hang up: some say QUIT much later */

struct refusal {
	LIST_ENTRY(refusal) link;
	struct refusals *all;
	struct conn *conn;
	bool told;
};

static void refusal_free(struct refusal *r)
{
	r->all->n--;
	LIST_REMOVE(r, link);
	conn_flush(r->conn);
	conn_free(r->conn);
	free(r);
}

static void refusal_end(struct refusal *r)
{
	struct refusals *all = r->all;

	refusal_free(r);
	all->ended(all->arg);
}

/* No actions, and an answer at every step. False when nothing can be agreed. */
static bool negotiate(struct refusal *r, const struct milter_packet *p)
{
	struct milter_msg m;
	struct buf out;

	if (milter_parse(p, &m) != MILTER_OK || m.optneg.version < MILTER_VERSION_MIN)
		return false;
	buf_init(&out, BUF_NO_LIMIT);
	milter_put_optneg(&out, m.optneg.version < MILTER_VERSION_MAX ? m.optneg.version : MILTER_VERSION_MAX,
			  0, 0, NULL);
	conn_write(r->conn, out.data, out.len);
	buf_free(&out);
	return true;
}

static void refuse(struct refusal *r)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	milter_put_letter(&out, MILTER_TEMPFAIL);
	conn_write(r->conn, out.data, out.len);
	buf_free(&out);
	if (!r->told)
		conn_set_deadline(r->conn, loop_now(r->all->loop) + LEAVE_MS);
	r->told = true;
}

/* False when the connection is to be closed. */
static bool take_packet(struct refusal *r, const struct milter_packet *p)
{
	switch (p->letter) {
	case MILTER_OPTNEG:
		return negotiate(r, p);
	case MILTER_MACRO:
	case MILTER_ABORT:
	case MILTER_QUIT_NC: /* the next client fares no better */
		return true;
	case MILTER_QUIT:
		return false;
	default:
		refuse(r);
		return true;
	}
}

static void on_input(struct refusal *r)
{
	struct milter_packet packet;
	enum milter_frame frame;
	bool go_on = true;

	do {
		size_t n, used;
		const char *in = conn_input(r->conn, &n);

		frame = milter_frame((char *)in, n, MILTER_MAX_DATA, &packet, &used);
		if (frame == MILTER_FRAME_WHOLE) {
			go_on = take_packet(r, &packet);
			conn_consume(r->conn, used);
		}
	} while (go_on && frame == MILTER_FRAME_WHOLE);
	if (!go_on || frame != MILTER_FRAME_MORE)
		refusal_end(r);
}

static void on_conn(struct conn *c, enum conn_event event, void *arg)
{
	switch (event) {
	case CONN_INPUT:
		on_input(arg);
		break;
	case CONN_DRAINED:
		break;
	case CONN_EOF:
	case CONN_ERROR:
	case CONN_TIMEOUT:
		refusal_end(arg);
		break;
	}
}

void refusals_init(struct refusals *all, struct loop *loop, void (*ended)(void *arg), void *arg)
{
	*all = (struct refusals){ .loop = loop, .ended = ended, .arg = arg };
	LIST_INIT(&all->list);
}

void refusal_start(struct refusals *all, int fd)
{
	struct refusal *r = calloc(1, sizeof(*r));

	if (r == NULL || (r->conn = conn_new(all->loop, fd, fd, INPUT_LIMIT, on_conn, r)) == NULL) {
		close(fd);
		free(r);
		return;
	}
	r->all = all;
	all->n++;
	conn_set_deadline(r->conn, loop_now(all->loop) + PATIENCE_MS);
	LIST_INSERT_HEAD(&all->list, r, link);
}

void refusals_stop(struct refusals *all)
{
	while (!LIST_EMPTY(&all->list))
		refusal_free(LIST_FIRST(&all->list));
}
