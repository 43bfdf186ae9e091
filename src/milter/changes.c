#include "milter/changes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define FIRST_ROOM 16

void changes_init(struct changes *c)
{
	*c = (struct changes){ 0 };
}

void changes_free(struct changes *c)
{
	free(c->list);
	changes_init(c);
}

int changes_add(struct changes *c, struct change change)
{
	if (c->n == CHANGES_MAX)
		return -E2BIG;
	if (c->n == c->room) {
		size_t room = c->room > 0 ? c->room * 2 : FIRST_ROOM;
		struct change *list = reallocarray(c->list, room, sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		c->list = list;
		c->room = room;
	}
	c->list[c->n++] = change;
	return 0;
}

static uint32_t action_of(enum milter_response kind)
{
	switch (kind) {
	case MILTER_ADDHEADER:
	case MILTER_INSHEADER:
		return MILTER_F_ADDHDRS;
	case MILTER_CHGHEADER:
		return MILTER_F_CHGHDRS;
	case MILTER_REPLBODY:
		return MILTER_F_CHGBODY;
	case MILTER_ADDRCPT:
		return MILTER_F_ADDRCPT;
	case MILTER_ADDRCPT_PAR:
		return MILTER_F_ADDRCPT_PAR;
	case MILTER_DELRCPT:
		return MILTER_F_DELRCPT;
	case MILTER_CHGFROM:
		return MILTER_F_CHGFROM;
	case MILTER_QUARANTINE:
		return MILTER_F_QUARANTINE;
	default:
		assert(!"not a change");
		return 0;
	}
}

uint32_t changes_actions(const struct changes *c)
{
	uint32_t actions = 0;

	for (size_t i = 0; i < c->n; i++)
		actions |= action_of(c->list[i].kind);
	return actions;
}

void changes_keep_only(struct changes *c, enum milter_response kind)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->list[i].kind == kind)
			c->list[kept++] = c->list[i];
	c->n = kept;
}

/* Deletions */

/* A change in a row of CHGHEADERs, and its place there. */
struct placed {
	struct change change;
	size_t at;
	bool dropped;
};

static bool is_deletion(const struct change *c)
{
	return c->value[0] == '\0';
}

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static bool is_same_field(const struct placed *a, const struct placed *b)
{
	return a->change.index == b->change.index && strcasecmp(a->change.name, b->change.name) == 0;
}

static int by_field(const void *x, const void *y)
{
	const struct placed *a = x, *b = y;
	int names = strcasecmp(a->change.name, b->change.name);

	if (names != 0)
		return names;
	if (a->change.index != b->change.index)
		return order(a->change.index, b->change.index);
	return order(a->at, b->at);
}

static int by_turn(const void *x, const void *y)
{
	const struct placed *a = x, *b = y;
	bool deletes = is_deletion(&a->change);

	if (deletes != is_deletion(&b->change))
		return deletes ? 1 : -1;
	if (deletes && a->change.index != b->change.index)
		return order(b->change.index, a->change.index);
	return order(a->at, b->at);
}

static void settle_row(struct placed *row, size_t n)
{
	qsort(row, n, sizeof(*row), by_field);
	for (size_t i = 0; i + 1 < n; i++)
		row[i].dropped = is_deletion(&row[i].change) && is_same_field(&row[i], &row[i + 1]);
	qsort(row, n, sizeof(*row), by_turn);
}

static size_t row_length(const struct changes *c, size_t from)
{
	size_t end = from;

	while (end < c->n && c->list[end].kind == MILTER_CHGHEADER)
		end++;
	return end - from;
}

int changes_settle(struct changes *c)
{
	struct placed *row = reallocarray(NULL, c->n + 1, sizeof(*row));
	size_t kept = 0;

	if (row == NULL)
		return -ENOMEM;
	for (size_t from = 0; from < c->n;) {
		size_t n = row_length(c, from);

		if (n == 0) {
			c->list[kept++] = c->list[from++];
			continue;
		}
		for (size_t i = 0; i < n; i++)
			row[i] = (struct placed){ .change = c->list[from + i], .at = i };
		settle_row(row, n);
		for (size_t i = 0; i < n; i++)
			if (!row[i].dropped)
				c->list[kept++] = row[i].change;
		from += n;
	}
	c->n = kept;
	free(row);
	return 0;
}

/* Packets */

/* An empty value of CHGHEADER deletes: it must stay empty. */
static void put_header(struct buf *out, const struct change *change, bool lead_space)
{
	bool deletes = change->kind == MILTER_CHGHEADER && change->value[0] == '\0';
	struct buf value;

	buf_init(&value, BUF_NO_LIMIT);
	if (lead_space && !deletes)
		buf_addc(&value, ' ');
	buf_adds(&value, change->value);
	if (change->kind == MILTER_ADDHEADER)
		milter_put_text2(out, MILTER_ADDHEADER, change->name, value.data);
	else
		milter_put_header(out, change->kind, change->index, change->name, value.data);
	buf_free(&value);
}

void change_put(struct buf *out, const struct change *change, bool lead_space)
{
	if (change->name != NULL)
		put_header(out, change, lead_space);
	else if (change->params != NULL)
		milter_put_text2(out, change->kind, change->value, change->params);
	else
		milter_put_text(out, change->kind, change->value);
}
