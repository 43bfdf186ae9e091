#include "tools/try.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct attempt {
	struct loop *loop;
	const struct script *script;
	struct session *session;
	struct story *story;
	int64_t begin_us;
};

static void on_negotiated(void *arg, uint32_t version, uint32_t actions, uint32_t protocol)
{
	struct story *s = ((struct attempt *)arg)->story;

	s->version = version;
	s->actions = actions;
	s->protocol = protocol;
}

static void reply_add(struct story *s, enum stage stage, size_t unit, const struct milter_answer *a)
{
	const char *text = a->response == MILTER_REPLYCODE ? a->text : "";
	struct reply *last = s->n_replies > 0 ? &s->replies[s->n_replies - 1] : NULL, *list;

	if (last != NULL && last->stage == stage && stage != STAGE_RCPT && last->response == a->response &&
	    strcmp(last->text, text) == 0) {
		last->count++;
		return;
	}
	list = reallocarray(s->replies, s->n_replies + 1, sizeof(*list));
	if (list == NULL) {
		s->out_of_memory = true;
		return;
	}
	s->replies = list;
	list[s->n_replies] = (struct reply){
		.stage = stage, .unit = unit, .response = a->response, .text = strdup(text), .count = 1
	};
	if (list[s->n_replies].text == NULL)
		s->out_of_memory = true;
	else
		s->n_replies++;
}

static void on_answer(void *arg, enum stage stage, size_t unit, const struct milter_answer *a)
{
	struct story *s = ((struct attempt *)arg)->story;

	if (milter_is_verdict(a->response) || a->response == MILTER_PROGRESS)
		reply_add(s, stage, unit, a);
	else if (changes_add(&s->changes, a) < 0)
		s->out_of_memory = true;
}

static void passed_set(struct attempt *t)
{
	struct story *s = t->story;

	s->passed = calloc(t->script->n_rcpts, sizeof(*s->passed));
	if (s->passed == NULL) {
		s->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < t->script->n_rcpts; i++) {
		if (session_rcpt_passed(t->session, i))
			s->passed[s->n_passed++] = t->script->rcpts[i].address;
	}
}

static bool on_decided(void *arg, enum outcome o, enum stage stage, const char *reply)
{
	struct attempt *t = arg;
	struct story *s = t->story;

	s->us = clock_mono_us() - t->begin_us;
	s->decided = true;
	s->outcome = o;
	s->stage = stage;
	s->smtp_reply = strdup(reply);
	s->lead_space = session_lead_space(t->session);
	snprintf(s->queue_id, sizeof(s->queue_id), "%s", session_queue_id(t->session));
	passed_set(t);
	if (o != OUTCOME_ACCEPT)
		changes_free(&s->changes);
	for (size_t i = 0; i < s->changes.n; i++) {
		if (s->changes.list[i].response == MILTER_QUARANTINE)
			s->reason = s->changes.list[i].name;
	}
	return false;
}

static void on_ended(void *arg, enum failure f, const char *why)
{
	struct attempt *t = arg;

	t->story->failure = f;
	t->story->why = strdup(why ? why : "");
	loop_stop(t->loop);
}

static const struct session_watcher watcher = {
	.negotiated = on_negotiated,
	.answer = on_answer,
	.decided = on_decided,
	.ended = on_ended,
};

void try_message(struct loop *loop, const struct script *script, struct story *out)
{
	struct attempt t = { .loop = loop, .script = script, .story = out, .begin_us = clock_mono_us() };

	*out = (struct story){ 0 };
	t.session = session_start(loop, script, &watcher, &t);
	if (t.session != NULL)
		loop_run(loop);
	else
		out->out_of_memory = true;
}

void story_free(struct story *s)
{
	for (size_t i = 0; i < s->n_replies; i++)
		free(s->replies[i].text);
	free(s->replies);
	changes_free(&s->changes);
	free(s->smtp_reply);
	free(s->passed);
	free(s->why);
	*s = (struct story){ 0 };
}
