#include "pool/job.h"

#include "base/buf.h"
#include "proto/mailpath.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const class_names[] = {
	[JOB_CLASS_SCAN] = "scan",
	[JOB_CLASS_RELAYOK] = "relayok",
	[JOB_CLASS_SENDEROK] = "senderok",
	[JOB_CLASS_RECIPOK] = "recipok",
};

const char *job_class_name(enum job_class c)
{
	return c < 0 ? NULL : class_names[c];
}

/* By the first word: a measured request that lacks some of its words is still the filter's to judge. */
static enum job_class class_of(const char *line)
{
	size_t n = strcspn(line, " ");

	for (size_t c = 0; c < sizeof(class_names) / sizeof(class_names[0]); c++) {
		if (line[n] == ' ' && strlen(class_names[c]) == n && memcmp(line, class_names[c], n) == 0)
			return (enum job_class)c;
	}
	return JOB_CLASS_OTHER;
}

/* Which argument is the queue id: relayok and helook come before there is one. */
static int queue_id_index(enum job_class c)
{
	switch (c) {
	case JOB_CLASS_SCAN:
		return 0;
	case JOB_CLASS_SENDEROK:
		return 5;
	case JOB_CLASS_RECIPOK:
		return 7;
	default:
		return -1;
	}
}

static void domain_set(struct job *job, const struct request *request)
{
	const char *domain;
	size_t len;

	if (job->class != JOB_CLASS_RECIPOK || request == NULL || request->argc < 1)
		return;
	if ((domain = mailpath_domain(request->argv[0], &len)) == NULL)
		return;
	memcpy(job->domain, domain, len < JOB_DOMAIN_MAX ? len : JOB_DOMAIN_MAX - 1);
}

static void queue_id_set(struct job *job, const struct request *request)
{
	int i = queue_id_index(job->class);
	size_t n = 0;

	if (i < 0 || request == NULL || i >= request->argc)
		return;
	for (const char *p = request->argv[i]; *p != '\0' && n < sizeof(job->queue_id) - 1; p++)
		job->queue_id[n++] = isgraph((unsigned char)*p) ? *p : '?';
}

struct job *job_new(const char *line, const struct request *request, job_done_fn *done, void *arg)
{
	struct job *job = calloc(1, sizeof(*job));
	struct buf text;

	if (job == NULL)
		return NULL;
	buf_init(&text, BUF_NO_LIMIT);
	buf_adds(&text, line);
	buf_addc(&text, '\n');
	job->len = text.len;
	if ((job->line = buf_take(&text)) == NULL) {
		free(job);
		return NULL;
	}
	job->class = class_of(line);
	request_tag(line, job->tag);
	queue_id_set(job, request);
	domain_set(job, request);
	job->worker = -1;
	job->done = done;
	job->arg = arg;
	return job;
}

void job_free(struct job *job)
{
	if (job == NULL)
		return;
	free(job->line);
	free(job);
}
