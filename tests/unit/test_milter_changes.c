#include "milter/apply.h"
#include "milter/changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file of n bytes, open at its start. */
static int file_of(size_t n)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	for (size_t i = 0; i < n; i++)
		assert_int_not_equal(fputc('x', f), EOF);
	rewind(f);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

/* The letters of all packets, in turns of about `enough` bytes. */
static void letters_of(struct apply *a, size_t enough, char *letters, size_t *body)
{
	enum apply_state state;
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	*body = 0;
	do {
		struct milter_packet p;
		size_t used, at = 0;

		buf_clear(&out);
		state = apply_fill(a, &out, enough);
		assert_int_not_equal(state, APPLY_FAILED);
		assert_in_range(out.len, 0, enough + MILTER_CHUNK + 5);
		for (; at < out.len; at += used) {
			assert_int_equal(milter_frame(out.data + at, out.len - at, MILTER_CHUNK, &p, &used),
					 MILTER_FRAME_WHOLE);
			*letters++ = p.letter;
			if (p.letter == MILTER_REPLBODY)
				*body += p.len;
		}
	} while (state == APPLY_MORE);
	*letters = '\0';
	buf_free(&out);
}

static void add(struct changes *c, enum milter_response kind, const char *name, const char *value)
{
	assert_int_equal(changes_add(c, (struct change){ kind, 1, name, value }), 0);
}

static const struct {
	size_t size;
	const char *letters;
} bodies[] = {
	{ 0, "hbm" }, /* an empty body has a packet, too */
	{ 1, "hbm" }, { MILTER_CHUNK, "hbm" }, { MILTER_CHUNK + 1, "hbbm" }, { 3 * MILTER_CHUNK, "hbbbm" },
};

static void body_is_one_run_of_packets(void **state)
{
	char letters[32];
	size_t body;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct changes c;
		struct apply a;

		changes_init(&c);
		add(&c, MILTER_ADDHEADER, "X-A", "1");
		add(&c, MILTER_REPLBODY, NULL, NULL);
		add(&c, MILTER_CHGHEADER, "X-B", "2");
		apply_init(&a, &c, file_of(bodies[i].size), false);
		letters_of(&a, 65536, letters, &body);
		assert_string_equal(letters, bodies[i].letters);
		assert_int_equal(body, bodies[i].size);
		apply_close(&a);
		changes_free(&c);
	}
}

static void missing_body_is_a_failure(void **state)
{
	struct changes c;
	struct apply a;
	struct buf out;

	changes_init(&c);
	buf_init(&out, BUF_NO_LIMIT);
	add(&c, MILTER_REPLBODY, NULL, NULL);
	apply_init(&a, &c, -1, false);
	assert_int_equal(apply_fill(&a, &out, 1), APPLY_FAILED);
	apply_close(&a);
	buf_free(&out);
	changes_free(&c);
}

static void knows_the_actions_needed(void **state)
{
	struct changes c;

	changes_init(&c);
	assert_int_equal(changes_actions(&c), 0);
	add(&c, MILTER_INSHEADER, "a", "b");
	add(&c, MILTER_QUARANTINE, NULL, "why");
	assert_int_equal(changes_actions(&c), MILTER_F_ADDHDRS | MILTER_F_QUARANTINE);
	changes_keep_only(&c, MILTER_QUARANTINE);
	assert_int_equal(c.n, 1);
	assert_int_equal(changes_actions(&c), MILTER_F_QUARANTINE);
	changes_free(&c);
}

static const struct {
	struct change change;
	const char *plain, *spaced; /* the packet behind its length; with HDR_LEADSPC */
	size_t n_plain, n_spaced;
} packets[] = {
#define PACKETS(a, b) a, b, sizeof(a), sizeof(b)
	{ { MILTER_ADDHEADER, 0, "X-A", "v" }, PACKETS("hX-A\0v", "hX-A\0 v") },
	{ { MILTER_ADDHEADER, 0, "X-A", " v" }, PACKETS("hX-A\0 v", "hX-A\0  v") },
	{ { MILTER_ADDHEADER, 0, "X-A", "" }, PACKETS("hX-A\0", "hX-A\0 ") },
	{ { MILTER_INSHEADER, 1, "X-A", "v" }, PACKETS("i\0\0\0\1X-A\0v", "i\0\0\0\1X-A\0 v") },
	{ { MILTER_CHGHEADER, 1, "X-A", "v" }, PACKETS("m\0\0\0\1X-A\0v", "m\0\0\0\1X-A\0 v") },
	{ { MILTER_CHGHEADER, 1, "X-A", "" }, PACKETS("m\0\0\0\1X-A\0", "m\0\0\0\1X-A\0") }, /* deletes */
	{ { .kind = MILTER_ADDRCPT, .value = "<a>" }, PACKETS("+<a>", "+<a>") },
	{ { .kind = MILTER_ADDRCPT_PAR, .value = "<a>", .params = "NOTIFY=NEVER" },
	  PACKETS("2<a>\0NOTIFY=NEVER", "2<a>\0NOTIFY=NEVER") },
	{ { .kind = MILTER_CHGFROM, .value = "<>", .params = "RET=HDRS" },
	  PACKETS("e<>\0RET=HDRS", "e<>\0RET=HDRS") },
	{ { .kind = MILTER_CHGFROM, .value = "<>" }, PACKETS("e<>", "e<>") },
};

static void assert_packet(const struct change *change, bool lead_space, const char *want, size_t n)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	change_put(&out, change, lead_space);
	assert_int_equal(out.len, 4 + n);
	assert_memory_equal(out.data + 4, want, n);
	buf_free(&out);
}

static void changes_as_packets(void **state)
{
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		assert_packet(&packets[i].change, false, packets[i].plain, packets[i].n_plain);
		assert_packet(&packets[i].change, true, packets[i].spaced, packets[i].n_spaced);
	}
}

/* Changes of header fields: before and after they are settled. NAME INDEX is a deletion, NAME INDEX=VALUE a
 * change, + an ADDHEADER. */
static const struct {
	const char *before, *after;
} settled[] = {
	{ "", "" },
	{ "a1=x a1=y b2=z", "a1=x a1=y b2=z" },
	{ "a1 a2 a3", "a3 a2 a1" },
	{ "a1 a3 a4=x", "a4=x a3 a1" },
	{ "a2 b1 A3 b9", "b9 A3 a2 b1" },
	{ "a2 a1 A1=x", "A1=x a2" }, /* all away, then one anew */
	{ "a2 a2 a3", "a3 a2" },     /* once is enough: another would be gone too */
	{ "a1=x a1", "a1=x a1" },    /* the last word is a deletion */
	{ "a1 a1=x a1", "a1=x a1" },
	{ "a1 a2 + a1 a2", "a2 a1 + a2 a1" }, /* an addition may count: nothing passes it */
};

static void put_changes(struct changes *c, const char *text)
{
	static char names[2][2] = { "a", "b" }, upper[] = "A";
	static char values[3][2] = { "x", "y", "z" };

	for (; *text != '\0'; text += strspn(text, " ")) {
		const char *name = *text == 'A' ? upper : names[*text == 'b'];

		if (*text == '+')
			assert_int_equal(changes_add(c, (struct change){ MILTER_ADDHEADER, 0, "a", "v" }), 0);
		else
			assert_int_equal(
				changes_add(
					c, (struct change){ MILTER_CHGHEADER, (uint32_t)(text[1] - '0'), name,
							    text[2] == '=' ? values[text[3] - 'x'] : "" }),
				0);
		text += strcspn(text, " ");
	}
}

static void show_changes(const struct changes *c, struct buf *out)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct change *change = &c->list[i];

		buf_adds(out, i > 0 ? " " : "");
		if (change->kind == MILTER_ADDHEADER)
			buf_addc(out, '+');
		else
			buf_addf(out, "%s%u%s%s", change->name, change->index,
				 *change->value != '\0' ? "=" : "", change->value);
	}
}

static void numbers_are_those_that_the_filter_saw(void **state)
{
	for (size_t i = 0; i < sizeof(settled) / sizeof(settled[0]); i++) {
		struct changes c;
		struct buf out;

		changes_init(&c);
		buf_init(&out, BUF_NO_LIMIT);
		put_changes(&c, settled[i].before);
		assert_int_equal(changes_settle(&c), 0);
		show_changes(&c, &out);
		assert_string_equal(out.data, settled[i].after);
		buf_free(&out);
		changes_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(body_is_one_run_of_packets),
		cmocka_unit_test(missing_body_is_a_failure),
		cmocka_unit_test(knows_the_actions_needed),
		cmocka_unit_test(changes_as_packets),
		cmocka_unit_test(numbers_are_those_that_the_filter_saw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
