#include "pool/errlog.h"

#include "base/lineio.h"
#include "base/log.h"
#include "pool/worker.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LINE 2000 /* bytes of a line that are logged */

struct errlog {
	struct lineio *io; /* NULL once closed */
	bool verbose;
	const struct worker_facts *facts;
	void (*closed)(void *arg);
	void *arg;
	struct tail tail;
};

static void take_line(struct errlog *e, const char *line)
{
	const struct worker_facts *f = e->facts;

	tail_add(&e->tail, line);
	if (f == NULL) {
		if (e->verbose && line[0] != '\0')
			log_info("Template stderr: %s", line);
		return;
	}
	if (strstr(line, "Out of memory!") != NULL)
		log_err("Worker %d ran out of memory -- possible DoS attack due to complex MIME?",
			f->known_as);
	if (!e->verbose || line[0] == '\0')
		return;
	if (f->queue_id[0] != '\0')
		log_info("%s: Worker %d stderr: %s", f->queue_id, f->known_as, line);
	else
		log_info("Worker %d stderr: %s", f->known_as, line);
}

static void on_output(struct lineio *io, enum lineio_event event, void *arg)
{
	struct errlog *e = arg;

	switch (event) {
	case LINEIO_LINE:
	case LINEIO_OVERLONG: /* the rest of it is dropped */
	case LINEIO_PARTIAL:
		take_line(e, lineio_line(io, NULL));
		break;
	case LINEIO_EOF:
	case LINEIO_ERROR:
		lineio_free(e->io);
		e->io = NULL;
		e->closed(e->arg);
		break;
	default:
		break;
	}
}

struct errlog *errlog_new(struct loop *loop, int fd, bool verbose, const struct worker_facts *facts,
			  void (*closed)(void *arg), void *arg)
{
	struct errlog *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->verbose = verbose;
	e->facts = facts;
	e->closed = closed;
	e->arg = arg;
	if ((e->io = lineio_new(loop, fd, -1, MAX_LINE, on_output, e)) == NULL) {
		free(e);
		return NULL;
	}
	return e;
}

void errlog_free(struct errlog *e)
{
	if (e == NULL)
		return;
	lineio_free(e->io);
	tail_free(&e->tail);
	free(e);
}

void errlog_adopt(struct errlog *e, const struct tail *words)
{
	for (unsigned i = TAIL_LINES; i-- > 0;) {
		if (tail_line(words, i) != NULL)
			tail_add(&e->tail, tail_line(words, i));
	}
}

bool errlog_is_closed(const struct errlog *e)
{
	return e->io == NULL;
}

const struct tail *errlog_tail(const struct errlog *e)
{
	return &e->tail;
}
