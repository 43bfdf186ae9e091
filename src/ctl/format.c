#include "ctl/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAR_MAX_WORKERS 25
#define BAR_MAX_QUEUE 20

/* The reply to `status`, taken apart. */
struct status {
	const char *letters; /* one per worker; not terminated */
	size_t workers;
	unsigned long scans, activations, queue_limit, queued;
};

static bool status_parse(const char *reply, struct status *out)
{
	size_t n = strcspn(reply, " \n");

	if (n == 0 || strchr("IKSB", reply[0]) == NULL)
		return false;
	*out = (struct status){ .letters = reply, .workers = n };
	return sscanf(reply + n, "%lu %lu %lu %lu", &out->scans, &out->activations, &out->queue_limit,
		      &out->queued) == 4;
}

static const char *state_word(char letter)
{
	switch (letter) {
	case 'I':
		return "idle";
	case 'K':
		return "killed";
	case 'S':
		return "stopped";
	case 'B':
		return "busy";
	default:
		return NULL;
	}
}

static void state_add(struct buf *out, char letter)
{
	if (state_word(letter) != NULL)
		buf_adds(out, state_word(letter));
	else
		buf_addf(out, "unknown state '%c'", letter);
}

bool format_status(const char *reply, const struct format_origin *origin, struct buf *out)
{
	struct status s;

	if (!status_parse(reply, &s))
		return false;
	buf_addf(out, "Max workers: %zu\n", s.workers);
	for (size_t i = 0; i < s.workers; i++) {
		buf_addf(out, "Worker %zu: ", i);
		state_add(out, s.letters[i]);
		buf_addc(out, '\n');
	}
	return true;
}

bool format_health(const char *reply, const struct format_origin *origin, struct buf *out)
{
	static const char degraded[] = "degraded: ";

	if (strncmp(reply, degraded, strlen(degraded)) == 0)
		buf_addf(out, "Degraded: %s", reply + strlen(degraded));
	return true;
}

/* `full` of `total` as a number and a bar: a mark for each of them, or `most` marks in proportion. */
static void bar_add(struct buf *out, size_t full, size_t total, size_t most, char mark)
{
	size_t width = total > most ? most : total;

	buf_addf(out, "%3zu/%zu ", full, total);
	for (size_t i = 0; i < width; i++)
		buf_addc(out, i * total < full * width ? mark : '.');
}

bool format_barstatus(const char *reply, const struct format_origin *origin, struct buf *out)
{
	struct status s;
	size_t busy = 0;

	if (!status_parse(reply, &s))
		return false;
	for (size_t i = 0; i < s.workers; i++)
		busy += s.letters[i] == 'B';
	bar_add(out, busy, s.workers, BAR_MAX_WORKERS, 'B');
	if (s.queue_limit > 0) {
		buf_adds(out, "  ");
		bar_add(out, s.queued, s.queue_limit, BAR_MAX_QUEUE, 'Q');
	}
	buf_addf(out, " %lu\n", s.scans);
	return true;
}

static void json_string_add(struct buf *out, const char *text)
{
	buf_addc(out, '"');
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ')
			buf_addf(out, "\\u%04x", (unsigned)*text);
		else if (*text == '"' || *text == '\\')
			buf_addf(out, "\\%c", *text);
		else
			buf_addc(out, *text);
	}
	buf_addc(out, '"');
}

static void json_origin_add(struct buf *out, const struct format_origin *origin)
{
	buf_adds(out, "{\"timestamp\": ");
	json_string_add(out, origin->timestamp);
	buf_adds(out, ",\"hostname\": ");
	json_string_add(out, origin->hostname);
}

static bool is_known(const struct status *s)
{
	return strspn(s->letters, "IKSB") == s->workers;
}

bool format_jsonstatus(const char *reply, const struct format_origin *origin, struct buf *out)
{
	struct status s;

	if (!status_parse(reply, &s) || !is_known(&s))
		return false;
	json_origin_add(out, origin);
	for (size_t i = 0; i < s.workers; i++)
		buf_addf(out, ",\"Worker%zu\": \"%s\"", i, state_word(s.letters[i]));
	buf_addc(out, '}');
	return true;
}

/* --- load --- */

#define MOST_NUMBER 1e15

/* Whether the reply is a line of just `n` numbers. */
static bool numbers_parse(const char *reply, double *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *end;

		numbers[i] = strtod(reply, &end);
		if (end == reply || !(numbers[i] >= 0 && numbers[i] < MOST_NUMBER))
			return false;
		reply = end;
	}
	return reply[strspn(reply, "\r\n")] == '\0';
}

enum load_kind { LOAD_SCAN, LOAD_RELAYOK, LOAD_SENDEROK, LOAD_RECIPOK };

/* The same numbers mean scans, or requests of another kind. */
static void table_head(struct buf *out, enum load_kind kind)
{
	static const char *const titles[][3] = {
		[LOAD_SCAN] = { "Msgs", "Msgs/Sec", "Avg ms/Scan" },
		[LOAD_RELAYOK] = { "Conn", "Conn/Sec", "Avg ms/Conn" },
		[LOAD_SENDEROK] = { "MAIL", "MAIL/Sec", "Avg ms/MAIL" },
		[LOAD_RECIPOK] = { "RCPT", "RCPT/Sec", "Avg ms/RCPT" },
	};

	buf_addf(out, "%6s %17s %15s %15s   Avg Busy Workers\n", "Load", titles[kind][0], titles[kind][1],
		 titles[kind][2]);
}

static void table_row(struct buf *out, const char *label, double count, double seconds, double ms,
		      double busy)
{
	buf_addf(out, "%6s %15.0f %15.2f %15.1f %15.2f\n", label, count, seconds > 0 ? count / seconds : 0.0,
		 ms, busy);
}

static bool load_table(const char *reply, enum load_kind kind, struct buf *out)
{
	static const char *const labels[] = { "10 Sec", "1 Min", "5 Min", "10 Min" };
	static const double seconds[] = { 10, 60, 300, 600 };
	double n[29]; /* counts, busy workers and ms, four of each; then what the table does not show */

	if (!numbers_parse(reply, n, 29))
		return false;
	table_head(out, kind);
	for (size_t i = 0; i < 4; i++)
		table_row(out, labels[i], n[i], seconds[i], n[8 + i], n[4 + i]);
	return true;
}

static bool hload_table(const char *reply, enum load_kind kind, struct buf *out)
{
	static const char *const labels[] = { "1h", "4h", "12h", "24h" };
	double n[16]; /* counts, busy workers, ms and seconds, four of each */

	if (!numbers_parse(reply, n, 16))
		return false;
	table_head(out, kind);
	for (size_t i = 0; i < 4; i++)
		table_row(out, labels[i], n[i], n[12 + i], n[8 + i], n[4 + i]);
	return true;
}

bool format_load(const char *reply, const struct format_origin *origin, struct buf *out)
{
	return load_table(reply, LOAD_SCAN, out);
}

bool format_load_relayok(const char *reply, const struct format_origin *origin, struct buf *out)
{
	return load_table(reply, LOAD_RELAYOK, out);
}

bool format_load_senderok(const char *reply, const struct format_origin *origin, struct buf *out)
{
	return load_table(reply, LOAD_SENDEROK, out);
}

bool format_load_recipok(const char *reply, const struct format_origin *origin, struct buf *out)
{
	return load_table(reply, LOAD_RECIPOK, out);
}

bool format_hload(const char *reply, const struct format_origin *origin, struct buf *out)
{
	return hload_table(reply, LOAD_SCAN, out);
}

bool format_hload_relayok(const char *reply, const struct format_origin *origin, struct buf *out)
{
	return hload_table(reply, LOAD_RELAYOK, out);
}

bool format_hload_senderok(const char *reply, const struct format_origin *origin, struct buf *out)
{
	return hload_table(reply, LOAD_SENDEROK, out);
}

bool format_hload_recipok(const char *reply, const struct format_origin *origin, struct buf *out)
{
	return hload_table(reply, LOAD_RECIPOK, out);
}

/* --- load1 --- */

/* The reply to `load1`, number by number. */
struct interval {
	struct {
		double count, busy, ms;
	} kinds[4];
	double busy, idle, stopped, killed;
	double scans, activations, queue_limit, queued, uptime, seconds;
	double now[4]; /* busy with each kind */
};

static bool interval_parse(const char *reply, struct interval *out)
{
	double n[26];
	size_t at = 0;

	if (!numbers_parse(reply, n, 26))
		return false;
	for (size_t i = 0; i < 4; i++) {
		out->kinds[i].count = n[at++];
		out->kinds[i].busy = n[at++];
		out->kinds[i].ms = n[at++];
	}
	out->busy = n[at++];
	out->idle = n[at++];
	out->stopped = n[at++];
	out->killed = n[at++];
	out->scans = n[at++];
	out->activations = n[at++];
	out->queue_limit = n[at++];
	out->queued = n[at++];
	out->uptime = n[at++];
	out->seconds = n[at++];
	for (size_t i = 0; i < 4; i++)
		out->now[i] = n[at++];
	return true;
}

bool format_load1(const char *reply, const struct format_origin *origin, struct buf *out)
{
	static const char *const names[] = { "Scan", "Relayok", "Senderok", "Recipok" };
	struct interval v;

	if (!interval_parse(reply, &v))
		return false;
	buf_addf(out, "Statistics for last %.0f seconds:\n", v.seconds);
	buf_addf(out, "%10s %15s %15s %15s %15s\n", "Cmd", "Num", "Num/s", "AvgWorkers", "AvgMS");
	for (size_t i = 0; i < 4; i++)
		buf_addf(out, "%10s %15.0f %15.1f %15.1f %15.1f\n", names[i], v.kinds[i].count,
			 v.seconds > 0 ? v.kinds[i].count / v.seconds : 0.0, v.kinds[i].busy, v.kinds[i].ms);
	buf_adds(out, "\nCurrent Snapshot:\n");
	buf_addf(out, "Workers: busy=%.0f idle=%.0f stopped=%.0f killed=%.0f\n", v.busy, v.idle, v.stopped,
		 v.killed);
	buf_addf(out, "Cmds:   scan=%.0f relayok=%.0f senderok=%.0f recipok=%.0f\n", v.now[0], v.now[1],
		 v.now[2], v.now[3]);
	buf_addf(out, "Queue:  size=%.0f queued=%.0f\n", v.queue_limit, v.queued);
	return true;
}

bool format_jsonload1(const char *reply, const struct format_origin *origin, struct buf *out)
{
	struct interval v;

	if (!interval_parse(reply, &v))
		return false;
	json_origin_add(out, origin);
	buf_addf(out,
		 ",\"busyworkers\":%.0f, \"idleworkers\":%.0f, \"stoppedworkers\":%.0f, "
		 "\"killedworkers\":%.0f",
		 v.busy, v.idle, v.stopped, v.killed);
	buf_addf(out, ",\"scan\":%.0f, \"relayok\":%.0f, \"senderok\":%.0f, \"recipok\":%.0f",
		 v.kinds[0].count, v.kinds[1].count, v.kinds[2].count, v.kinds[3].count);
	buf_addf(out, ",\"queue_size\":%.0f, \"queued_requests\":%.0f}\n", v.queue_limit, v.queued);
	return true;
}
