#include "worker/deadline.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* mimedefang-protocol(7) */
#define VARIABLE "DEFANG_BUSY_MS"
#define MAX_MS (7 * 86400 * INT64_C(1000))

static int64_t limit_ms; /* 0: unknown */
static int64_t begun_ms; /* 0: no request in hand */
static timer_t timer;
static bool has_timer;

void deadline_open(void)
{
	const char *text = getenv(VARIABLE);
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = DEADLINE_SIGNAL };

	if (text == NULL)
		return;
	if (number_parse(text, 1, MAX_MS, &limit_ms) < 0)
		log_warn(VARIABLE " is no number of milliseconds: %s", text);
	else if (timer_create(CLOCK_MONOTONIC, &event, &timer) == -1)
		log_warn("cannot make a timer: %s", strerror(errno));
	else
		has_timer = true;
}

static void timer_arm(int64_t ms)
{
	struct itimerspec t = { .it_value = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 } };

	if (has_timer)
		timer_settime(timer, 0, &t, NULL);
}

void deadline_begin(void)
{
	begun_ms = clock_mono_ms();
	timer_arm((limit_ms + 1) / 2);
}

void deadline_end(void)
{
	begun_ms = 0;
	timer_arm(0);
}

double deadline_limit(void)
{
	return limit_ms > 0 ? (double)limit_ms / 1000 : DEADLINE_NEVER_S;
}

double deadline_left(void)
{
	int64_t left;

	if (limit_ms == 0 || begun_ms == 0)
		return DEADLINE_NEVER_S;
	left = begun_ms + limit_ms - clock_mono_ms();
	return left > 0 ? (double)left / 1000 : 0.0;
}
