#include "base/activation.h"

#include "fuzz.h"

#include <assert.h>

/* The input is three lines: LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = fuzz_string(data, n), *at = text;
	char *words[3] = { NULL };
	struct activation a;

	for (int i = 0; i < 3 && at != NULL; i++)
		words[i] = strsep(&at, "\n");
	for (int i = 0; i < 3; i++) /* of exact size each */
		words[i] = words[i] != NULL ? fuzz_string(words[i], strlen(words[i])) : NULL;
	if (activation_parse(words[0], words[1], words[2], 77, &a) != ACTIVATION_OK)
		assert(a.n == 0);
	assert(a.n >= 0 && a.n <= ACTIVATION_MAX_SOCKETS);
	for (int i = 0; i < a.n; i++) {
		assert(a.sockets[i].fd == ACTIVATION_FIRST_FD + i);
		assert(strlen(a.sockets[i].name) <= ACTIVATION_MAX_NAME);
		assert(strchr(a.sockets[i].name, ':') == NULL);
	}
	for (int i = 0; i < 3; i++)
		free(words[i]);
	free(text);
	return 0;
}
