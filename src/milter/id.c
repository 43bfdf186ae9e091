#include "milter/id.h"

#define BASE 60
#define TIME_DIGITS 5
#define COUNTER_DIGITS 2
#define COUNTER_END (BASE * BASE)
#define PID_DIGITS 4 /* a process id has 22 bits at most */
#define LOOP_DIGITS 2
#define SESSION_DIGITS 5

static void put_digits(char *out, uint64_t value, int n)
{
	static const char digits[BASE + 1] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX";

	for (int i = n - 1; i >= 0; i--) {
		out[i] = digits[value % BASE];
		value /= BASE;
	}
}

void id_source_init(struct id_source *ids, uint32_t number, uint32_t n)
{
	*ids = (struct id_source){ .next = number, .first = number, .step = n };
}

void id_make(struct id_source *from, int64_t now_s, char out[ID_SIZE])
{
	put_digits(out, (uint64_t)now_s, TIME_DIGITS);
	put_digits(out + TIME_DIGITS, from->next, COUNTER_DIGITS);
	out[TIME_DIGITS + COUNTER_DIGITS] = '\0';
	from->next += from->step;
	if (from->next >= COUNTER_END)
		from->next = from->first;
}

void id_make_session(struct session_ids *from, char out[SESSION_ID_SIZE])
{
	put_digits(out, (uint64_t)from->pid, PID_DIGITS);
	put_digits(out + PID_DIGITS, (uint64_t)from->loop, LOOP_DIGITS);
	put_digits(out + PID_DIGITS + LOOP_DIGITS, from->next++, SESSION_DIGITS);
	out[PID_DIGITS + LOOP_DIGITS + SESSION_DIGITS] = '\0';
}
