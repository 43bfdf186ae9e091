#include "base/descriptors.h"

#include <sys/resource.h>

int64_t descriptors_raise(void)
{
	struct rlimit limit = { 0 }, raised;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 0;
	raised = (struct rlimit){ .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };
	if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
		limit = raised;
	return limit.rlim_cur < INT64_MAX ? (int64_t)limit.rlim_cur : INT64_MAX;
}
