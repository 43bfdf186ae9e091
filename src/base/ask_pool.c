#include "base/ask_pool.h"

#include <stdlib.h>

#define MAX_IDLE 32

struct ask_idle {
	LIST_ENTRY(ask_idle) link;
	struct ask_pool *pool;
	struct conn *conn;
};

void ask_pool_init(struct ask_pool *p, struct loop *loop, const struct address *to)
{
	*p = (struct ask_pool){ .loop = loop, .to = *to };
	LIST_INIT(&p->idle);
}

/* Leaves the connection alone. */
static void idle_free(struct ask_idle *i)
{
	LIST_REMOVE(i, link);
	i->pool->n_idle--;
	free(i);
}

/* The server has closed it, or speaks unasked. */
static void on_idle(struct conn *c, enum conn_event event, void *arg)
{
	if (event == CONN_DRAINED)
		return;
	idle_free(arg);
	conn_free(c);
}

struct conn *ask_pool_take(struct ask_pool *p)
{
	struct ask_idle *i = LIST_FIRST(&p->idle);
	struct conn *c = i != NULL ? i->conn : NULL;

	if (i != NULL)
		idle_free(i);
	return c;
}

void ask_pool_give(struct ask_pool *p, struct conn *c)
{
	struct ask_idle *i = p->n_idle < MAX_IDLE ? malloc(sizeof(*i)) : NULL;

	if (i == NULL) {
		conn_free(c);
		return;
	}
	*i = (struct ask_idle){ .pool = p, .conn = c };
	LIST_INSERT_HEAD(&p->idle, i, link);
	p->n_idle++;
	conn_set_deadline(c, 0);
	conn_set_owner(c, on_idle, i);
}

void ask_pool_clear(struct ask_pool *p)
{
	struct conn *c;

	while ((c = ask_pool_take(p)) != NULL)
		conn_free(c);
}
