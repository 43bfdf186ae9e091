#include "tools/load.h"

#include "base/clock.h"
#include "proto/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct run {
	struct loop *loop;
	const struct script *scripts;
	size_t n_scripts, next_script;
	struct load *load;
	unsigned begun;  /* messages given to a connection */
	unsigned active; /* connections */
	int error;
};

/* One connection at work; followed by a new one as long as there are messages. */
struct lane {
	struct run *run;
	unsigned left;    /* messages it may still begin */
	bool undecided;   /* the last one begun has no verdict so far */
	int64_t begin_us; /* of that one */
};

static const struct session_watcher watcher;

/* Begin a message on this connection, if one is left. */
static bool lane_begin(struct lane *l)
{
	if (l->left == 0 || l->run->begun == l->run->load->count)
		return false;
	l->left--;
	l->run->begun++;
	l->undecided = true;
	l->begin_us = clock_mono_us();
	return true;
}

static void lane_end(struct lane *l)
{
	struct run *r = l->run;

	free(l);
	if (--r->active == 0)
		loop_stop(r->loop);
}

static const struct script *next_script(struct run *r)
{
	return &r->scripts[r->next_script++ % r->n_scripts];
}

static void lane_connect(struct lane *l)
{
	l->left = l->run->load->per_connection;
	if (!lane_begin(l)) {
		lane_end(l);
		return;
	}
	if (session_start(l->run->loop, next_script(l->run), &watcher, l) == NULL) {
		l->run->error = -errno;
		lane_end(l);
	}
}

static bool on_decided(void *arg, enum outcome o, enum stage stage, const char *reply)
{
	struct lane *l = arg;
	struct load *load = l->run->load;

	load->latency[load->n_latency++] = clock_mono_us() - l->begin_us;
	load->outcomes[o]++;
	l->undecided = false;
	/* Decided for the connection, or closing: the session does not go on, whatever we say. */
	if (stage < STAGE_MAIL || strncmp(reply, "421", 3) == 0)
		return false;
	return lane_begin(l);
}

static void on_ended(void *arg, enum failure f, const char *why)
{
	struct lane *l = arg;
	struct load *load = l->run->load;

	if (l->undecided) {
		load->errors++;
		if (load->first_error == NULL)
			load->first_error = strdup(why ? why : "the connection ended");
		l->undecided = false;
	}
	lane_connect(l);
}

static const struct session_watcher watcher = { .decided = on_decided, .ended = on_ended };

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int lanes_start(struct run *r)
{
	for (unsigned i = 0; i < r->load->concurrency; i++) {
		struct lane *l = calloc(1, sizeof(*l));

		if (l == NULL)
			return -ENOMEM;
		l->run = r;
		r->active++;
		lane_connect(l);
	}
	return 0;
}

int load_run(struct loop *loop, const struct script *scripts, size_t n_scripts, unsigned count,
	     unsigned concurrency, unsigned per_connection, struct load *out)
{
	struct run r = { .loop = loop, .scripts = scripts, .n_scripts = n_scripts, .load = out };
	int64_t begin_us = clock_mono_us();
	int err;

	*out = (struct load){ .count = count, .per_connection = per_connection };
	out->concurrency = concurrency < count ? concurrency : count;
	out->latency = calloc(count, sizeof(*out->latency));
	if (out->latency == NULL)
		return -ENOMEM;
	if ((err = lanes_start(&r)) == 0 && r.active > 0)
		err = loop_run(loop);
	out->elapsed_us = clock_mono_us() - begin_us;
	qsort(out->latency, out->n_latency, sizeof(*out->latency), compare);
	return err < 0 ? err : r.error;
}

void load_free(struct load *l)
{
	free(l->latency);
	free(l->first_error);
	*l = (struct load){ 0 };
}

int64_t load_percentile(const struct load *l, double percent)
{
	size_t rank = (size_t)(percent / 100 * (double)l->n_latency + 0.999999);

	if (l->n_latency == 0)
		return 0;
	return l->latency[rank == 0 ? 0 : rank > l->n_latency ? l->n_latency - 1 : rank - 1];
}

static double per_second(const struct load *l)
{
	return l->elapsed_us > 0 ? (double)l->n_latency * 1e6 / (double)l->elapsed_us : 0;
}

static double ms(int64_t us)
{
	return (double)us / 1000;
}

void load_text(struct buf *out, const struct load *l)
{
	buf_addf(out, "messages     %u over %u connections at a time, %u on each\n", l->count, l->concurrency,
		 l->per_connection);
	for (int o = 0; o < OUTCOMES; o++) {
		if (l->outcomes[o] > 0)
			buf_addf(out, "%-12s %llu\n", outcome_name(o), (unsigned long long)l->outcomes[o]);
	}
	buf_addf(out, "errors       %llu\n", (unsigned long long)l->errors);
	if (l->first_error != NULL)
		buf_addf(out, "first error  %s\n", l->first_error);
	buf_addf(out, "time         %.3f s\n", (double)l->elapsed_us / 1e6);
	buf_addf(out, "throughput   %.1f messages a second\n", per_second(l));
	buf_addf(out, "latency      p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, max %.2f ms\n",
		 ms(load_percentile(l, 50)), ms(load_percentile(l, 90)), ms(load_percentile(l, 99)),
		 ms(load_percentile(l, 100)));
}

void load_json(struct buf *out, const struct load *l)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_int(&j, "count", l->count);
	json_int(&j, "concurrency", l->concurrency);
	json_int(&j, "per_connection", l->per_connection);
	json_object(&j, "verdicts");
	for (int o = 0; o < OUTCOMES; o++)
		json_int(&j, outcome_name(o), (int64_t)l->outcomes[o]);
	json_end_object(&j);
	json_int(&j, "errors", (int64_t)l->errors);
	json_text(&j, "first_error", l->first_error);
	json_real(&j, "seconds", (double)l->elapsed_us / 1e6);
	json_real(&j, "per_second", per_second(l));
	json_object(&j, "milliseconds");
	json_real(&j, "p50", ms(load_percentile(l, 50)));
	json_real(&j, "p90", ms(load_percentile(l, 90)));
	json_real(&j, "p99", ms(load_percentile(l, 99)));
	json_real(&j, "max", ms(load_percentile(l, 100)));
	json_end_object(&j);
	json_end_object(&j);
	buf_addc(out, '\n');
}
