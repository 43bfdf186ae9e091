#include "worker/args.h"

#include <stddef.h>
#include <string.h>

#define DEFAULT_RULES DEFANG_CONFDIR "/mimedefang-filter"

const char args_usage[] =
	"usage: mimedefang.pl [-f RULES] -server | -serveru | -test | -validate | -features |\n"
	"                                   -structure FILE | DIRECTORY\n";

/* The forms are those of worker programs: mimedefang.pl(8). */
static const struct {
	const char *word;
	enum worker_mode mode;
	bool status_tags;
} forms[] = {
	{ "-server", WORKER_SERVE, false },      { "-serveru", WORKER_SERVE, true },
	{ "-test", WORKER_TEST, false },         { "-validate", WORKER_VALIDATE, false },
	{ "-features", WORKER_FEATURES, false },
};

/* The form that a template's program is given. */
static bool template_parse(const char *word, struct args *a, struct args *out)
{
	a->mode = WORKER_TEMPLATE;
	a->status_tags = strcmp(word, "-embserveru") == 0;
	*out = *a;
	return a->status_tags || strcmp(word, "-embserver") == 0;
}

bool args_parse(int argc, char *const argv[], struct args *out)
{
	struct args a = { .mode = WORKER_SCAN, .rules = DEFAULT_RULES };
	int i = 1;

	if (argc > 2 && strcmp(argv[1], "-template") == 0) {
		a.program = 2;
		i = 3;
	}
	if (argc > i + 1 && strcmp(argv[i], "-f") == 0) {
		a.rules = argv[i + 1];
		i += 2;
	}
	if (i == argc - 2 && strcmp(argv[i], "-structure") == 0 && a.program == 0) {
		a.mode = WORKER_STRUCTURE;
		a.rules = "/dev/null"; /* it is about the message only */
		a.dir = argv[i + 1];
		*out = a;
		return true;
	}
	if (i != argc - 1)
		return false;
	if (a.program != 0)
		return template_parse(argv[i], &a, out);
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
