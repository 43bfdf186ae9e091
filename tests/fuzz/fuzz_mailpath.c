#include "proto/mailpath.h"

#include "fuzz.h"

#include <assert.h>

static void check_domain(const char *path)
{
	size_t len = 0, n = strlen(path);
	const char *domain = mailpath_domain(path, &len);

	if (domain == NULL)
		return;
	assert(domain > path && domain[-1] == '@');
	assert(len > 0 && (size_t)(domain - path) + len <= n);
	assert(memchr(domain, '>', len) == NULL && memchr(domain, ' ', len) == NULL);
}

/* The canonical form is its own canonical form. */
static void check_client_ip(const char *text)
{
	char ip[46], again[46];

	if (mailpath_client_ip(text, ip) < 0)
		return;
	assert(mailpath_client_ip(ip, again) == 0);
	assert(strcmp(ip, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = fuzz_string(data, n);

	check_domain(text);
	check_client_ip(text);
	free(text);
	return 0;
}
