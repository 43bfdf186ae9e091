#include "worker/args.h"

#include <stddef.h>
#include <string.h>

#define DEFAULT_RULES DEFANG_CONFDIR "/mimedefang-filter"

const char args_usage[] =
	"usage: mimedefang.pl [-f RULES] -server | -serveru | -test | -validate | -features | DIRECTORY\n";

static const struct {
	const char *word;
	enum worker_mode mode;
	bool status_tags;
} forms[] = {
	{ "-server", WORKER_SERVE, false },      { "-serveru", WORKER_SERVE, true },
	{ "-test", WORKER_TEST, false },         { "-validate", WORKER_VALIDATE, false },
	{ "-features", WORKER_FEATURES, false },
};

bool args_parse(int argc, char *const argv[], struct args *out)
{
	struct args a = { .mode = WORKER_SCAN, .rules = DEFAULT_RULES };
	int i = 1;

	if (argc > 2 && strcmp(argv[1], "-f") == 0) {
		a.rules = argv[2];
		i = 3;
	}
	if (i != argc - 1)
		return false;
	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		if (strcmp(argv[i], forms[f].word) == 0) {
			a.mode = forms[f].mode;
			a.status_tags = forms[f].status_tags;
			*out = a;
			return true;
		}
	}
	a.dir = argv[i];
	*out = a;
	return argv[i][0] != '-' && argv[i][0] != '\0';
}
