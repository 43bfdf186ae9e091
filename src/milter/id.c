#include "milter/id.h"

#define BASE 60
#define TIME_DIGITS 5
#define COUNTER_DIGITS 2
#define COUNTER_END (BASE * BASE)

static void put_digits(char *out, uint64_t value, int n)
{
	static const char digits[BASE + 1] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX";

	for (int i = n - 1; i >= 0; i--) {
		out[i] = digits[value % BASE];
		value /= BASE;
	}
}

void id_make(struct id_source *from, int64_t now_s, char out[ID_SIZE])
{
	put_digits(out, (uint64_t)now_s, TIME_DIGITS);
	put_digits(out + TIME_DIGITS, from->next, COUNTER_DIGITS);
	out[TIME_DIGITS + COUNTER_DIGITS] = '\0';
	from->next = (from->next + 1) % COUNTER_END;
}
