#include "base/seldom.h"

bool seldom_due(struct seldom *s, int64_t now_ms, int64_t every_ms, int64_t *n)
{
	s->untold++;
	if (s->told && now_ms - s->told_ms < every_ms)
		return false;
	*n = s->untold;
	*s = (struct seldom){ .told_ms = now_ms, .told = true };
	return true;
}
