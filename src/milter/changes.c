#include "milter/changes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

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
