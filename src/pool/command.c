#include "pool/command.h"

#include "pool/load_report.h"
#include "pool/report.h"
#include "pool/scaler.h"
#include "pool/snapshot_report.h"
#include "proto/snapshot.h"

#include <string.h>

static void run_help(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	report_help(privileged, reply);
}

static void run_version(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	buf_adds(reply, DEFANG_VERSION); /* without an LF, as MIMEDefang answers it */
}

static void run_free(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	buf_addf(reply, "%d\n", pool_free_workers(p));
}

static void run_status(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	report_status(p, reply);
}

static void run_msgs(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	buf_addf(reply, "%lu\n", pool_totals(p).scans);
}

static void run_workers(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	report_workers(p, r->verb == REQUEST_BUSYWORKERS, reply);
}

static void run_workerinfo(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	report_worker(p, r->argv[0], reply);
}

/* The requests of a family follow one another in the order of the classes. */
static void run_load(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	load_report_windows(p, (enum job_class)(r->verb - REQUEST_LOAD), reply);
}

static void run_hload(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	load_report_hours(p, (enum job_class)(r->verb - REQUEST_HLOAD), reply);
}

static void run_load1(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	load_report_interval(p, r->argv[0], reply);
}

static void run_histo(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	load_report_histogram(p, reply);
}

static void run_snapshot(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	snapshot_report(p, reply);
}

static void run_jsonsnapshot(const struct pool *p, bool privileged, const struct request *r,
			     struct buf *reply)
{
	struct buf text;

	buf_init(&text, BUF_NO_LIMIT);
	snapshot_report(p, &text);
	snapshot_json_of_text(reply, text.data);
	buf_free(&text);
}

static void run_health(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	pool_health(p, reply);
}

static void run_autoscale(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	scaler_report(pool_scaler(p), reply);
}

static void run_tick(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	buf_adds(reply, "error: External agents may not invoke 'tick'\n");
}

static void run_no_such(const struct pool *p, bool privileged, const struct request *r, struct buf *reply)
{
	buf_adds(reply, "error: Unknown command\n");
}

typedef void command_fn(const struct pool *p, bool privileged, const struct request *r, struct buf *reply);

/* Verbs without a handler are for a worker. */
static command_fn *const handlers[] = {
	[REQUEST_HELP] = run_help,
	[REQUEST_VERSION] = run_version,
	[REQUEST_FREE] = run_free,
	[REQUEST_STATUS] = run_status,
	[REQUEST_MSGS] = run_msgs,
	[REQUEST_WORKERS] = run_workers,
	[REQUEST_BUSYWORKERS] = run_workers,
	[REQUEST_WORKERINFO] = run_workerinfo,
	[REQUEST_LOAD] = run_load,
	[REQUEST_LOAD_RELAYOK] = run_load,
	[REQUEST_LOAD_SENDEROK] = run_load,
	[REQUEST_LOAD_RECIPOK] = run_load,
	[REQUEST_LOAD1] = run_load1,
	[REQUEST_HLOAD] = run_hload,
	[REQUEST_HLOAD_RELAYOK] = run_hload,
	[REQUEST_HLOAD_SENDEROK] = run_hload,
	[REQUEST_HLOAD_RECIPOK] = run_hload,
	[REQUEST_HISTO] = run_histo,
	[REQUEST_SNAPSHOT] = run_snapshot,
	[REQUEST_JSONSNAPSHOT] = run_jsonsnapshot,
	[REQUEST_HEALTH] = run_health,
	[REQUEST_AUTOSCALE] = run_autoscale,
	[REQUEST_TICK_REFUSED] = run_tick,
	[REQUEST_NO_SUCH] = run_no_such,
	[REQUEST_RECIPOK] = NULL, /* the last verb: the table is as long as the enum */
};

static enum command_result run_reread(const struct request *r, struct buf *reply)
{
	if (r->argc == 0)
		return COMMAND_REREAD;
	if (strcmp(r->argv[0], "-n") == 0)
		return COMMAND_CHECK;
	buf_adds(reply, "error: Invalid option of reread (must be -n)\n");
	return COMMAND_ANSWERED;
}

enum command_result command_run(const struct pool *p, bool privileged, const struct request *request,
				struct buf *reply)
{
	/* What is not in the table is for a worker, and those are for the privileged. */
	if (!privileged && (request->info == NULL || request->info->privileged)) {
		buf_adds(reply, "error: Attempt to use privileged command on unprivileged socket\n");
		return COMMAND_ANSWERED;
	}
	if (request->verb == REQUEST_REREAD)
		return run_reread(request, reply);
	if (handlers[request->verb] == NULL)
		return COMMAND_WORKER;
	handlers[request->verb](p, privileged, request, reply);
	return COMMAND_ANSWERED;
}
