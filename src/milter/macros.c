#include "milter/macros.h"

#include <assert.h>
#include <string.h>

/* The stages in their order in time, and the command to which each belongs. */
static const struct {
	enum milter_stage stage;
	char letter;
} in_time[] = {
	{ MILTER_AT_CONNECT, MILTER_CONNECT }, { MILTER_AT_HELO, MILTER_HELO },
	{ MILTER_AT_MAIL, MILTER_MAIL },       { MILTER_AT_RCPT, MILTER_RCPT },
	{ MILTER_AT_DATA, MILTER_DATA },       { MILTER_AT_EOH, MILTER_EOH },
	{ MILTER_AT_EOM, MILTER_EOM },
};

#define N_SETS ((int)(sizeof(in_time) / sizeof(in_time[0])))

static int place_of(char letter)
{
	for (int i = 0; i < N_SETS; i++)
		if (in_time[i].letter == letter)
			return i;
	return -1;
}

void macros_init(struct macros *m)
{
	for (int i = 0; i < MILTER_STAGES; i++)
		buf_init(&m->sets[i], MACROS_MAX_BYTES);
}

void macros_free(struct macros *m)
{
	for (int i = 0; i < MILTER_STAGES; i++)
		buf_free(&m->sets[i]);
}

/* The name without its braces: a pointer into `name`, and the length. */
static const char *bare_name(const char *name, size_t *len)
{
	*len = strlen(name);
	if (*len >= 2 && name[0] == '{' && name[*len - 1] == '}') {
		*len -= 2;
		name++;
	}
	return name;
}

/* A set is a row of these, each followed by the name and the value, with a NUL behind each. */
struct pair {
	uint32_t name_len, value_len;
};

static void set_add(struct buf *set, const char *name, const char *value)
{
	size_t len, before = set->len, value_len = strlen(value);
	struct pair pair;

	name = bare_name(name, &len);
	pair = (struct pair){ (uint32_t)len, (uint32_t)value_len };
	buf_add(set, &pair, sizeof(pair));
	buf_add(set, name, len);
	buf_addc(set, '\0');
	buf_add(set, value, value_len + 1);
	if (buf_error(set) != 0)
		set->len = before; /* no half pair; the error stays, and stops the rest */
}

bool macros_store(struct macros *m, char letter, struct milter_strings pairs)
{
	int place = place_of(letter);
	const char *name, *value;
	struct buf *set;

	if (place < 0)
		return true;
	set = &m->sets[in_time[place].stage];
	buf_clear(set);
	while ((name = milter_next(&pairs)) != NULL) {
		value = milter_next(&pairs);
		set_add(set, name, value != NULL ? value : "");
	}
	return buf_error(set) == 0;
}

static void forget_from(struct macros *m, int place)
{
	for (int i = place; i < N_SETS; i++)
		buf_clear(&m->sets[in_time[i].stage]);
}

void macros_forget_after(struct macros *m, char letter)
{
	int place = place_of(letter);

	assert(place >= 0);
	forget_from(m, place + 1);
}

void macros_forget(struct macros *m)
{
	forget_from(m, 0);
}

static const char *set_get(const struct buf *set, const char *name, size_t len)
{
	const char *at = set->data, *end = set->data + set->len;

	while (at < end) {
		struct pair pair;

		memcpy(&pair, at, sizeof(pair));
		at += sizeof(pair);
		if (pair.name_len == len && memcmp(at, name, len) == 0)
			return at + len + 1;
		at += pair.name_len + 1 + pair.value_len + 1;
	}
	return NULL;
}

const char *macros_get(const struct macros *m, const char *name)
{
	const char *value = NULL;
	size_t len;

	name = bare_name(name, &len);
	for (int i = N_SETS - 1; i >= 0 && value == NULL; i--)
		value = set_get(&m->sets[in_time[i].stage], name, len);
	return value;
}
