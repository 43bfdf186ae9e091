#include "pmx/status.h"

#include <stddef.h>

enum status status_worse(enum status a, enum status b)
{
	static const enum status order[] = { STATUS_TERMINATED,     STATUS_INTERRUPTED,
					     STATUS_USAGE,          STATUS_NOT_PERMITTED,
					     STATUS_NOT_CONFIGURED, STATUS_NOT_INSTALLED,
					     STATUS_FAILED };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return a != STATUS_OK ? a : b;
}
