#include "pmx/conf.h"
#include "pmx/conf_check.h"
#include "pmx/mta.h"

#include "fuzz.h"

#include <assert.h>
#include <errno.h>

struct input {
	const uint8_t *data;
	size_t n;
};

/* Every file has the same text: it includes itself under other names, too. */
static char *load(const char *path, size_t *n, void *arg)
{
	const struct input *input = arg;

	if (strcmp(path, "none") == 0) {
		errno = ENOENT;
		return NULL;
	}
	*n = input->n;
	return fuzz_string(input->data, input->n);
}

static int expand(const char *pattern, char ***paths, size_t *n, void *arg)
{
	if ((*paths = calloc(1, sizeof(char *))) == NULL)
		abort();
	(*paths)[0] = fuzz_string("other", 5);
	*n = 1;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input input = { data, n < 4096 ? n : 4096 };
	const struct conf_source source = { load, expand, &input };
	const struct conf_machine machine = { .lowest_port = 1024,
					      .descriptors = 1024,
					      .memory_bytes = 1 << 30 };
	struct conf c;
	struct buf out;
	int rc = conf_read("pmx.conf", &source, &c);

	assert((rc == 0) == (c.n_errors == 0));
	assert(c.n_files <= CONF_MAX_FILES && c.n_milters <= CONF_MAX_MILTERS);
	assert((c.messages.len > 0) == (c.n_messages > 0));
	conf_check(&c, &machine);
	buf_init(&out, BUF_NO_LIMIT);
	if (c.n_errors == 0) {
		mta_lines(&c, MTA_POSTFIX, &out);
		mta_lines(&c, MTA_SENDMAIL, &out);
	}
	buf_free(&out);
	conf_free(&c);
	return 0;
}
