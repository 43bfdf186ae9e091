#include "proto/latency.h"

static const int64_t bounds[LATENCY_RANGES] = { 1,   2,   5,    10,   20,   30,    50,    100,
						200, 500, 1000, 2000, 5000, 10000, 60000, LATENCY_NO_BOUND };

int64_t latency_bound(int i)
{
	return bounds[i];
}

int latency_range(int64_t ms)
{
	int i = 0;

	while (i < LATENCY_RANGES - 1 && ms > bounds[i])
		i++;
	return i;
}
