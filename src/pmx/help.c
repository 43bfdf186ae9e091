#include "pmx/help.h"

#include "base/self.h"
#include "pmx/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE "share/man/man8/pmx-milter.8"

void help_show(void)
{
	static const char *const viewers[] = { "/usr/bin/man", "/bin/man", "/usr/local/bin/man" };
	char *page = self_path(PAGE);

	for (size_t i = 0; i < sizeof(viewers) / sizeof(viewers[0]) && page != NULL; i++) {
		if (access(page, R_OK) == 0 && access(viewers[i], X_OK) == 0)
			execl(viewers[i], "man", page, (char *)NULL);
	}
	free(page);
	fputs(options_usage, stdout);
}
