/* null_worker - a filter worker that lets everything pass, for bench/overhead: what is left is the cost of
 * the programs around it. Five system calls a message, two for any other request.
 *
 * Trusts its controller: the names of directories are taken as they come, so they must hold nothing that is
 * percent-encoded. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_REQUEST 65536

static void answer(const char *line)
{
	size_t n = strlen(line);

	if (write(STDOUT_FILENO, line, n) != (ssize_t)n)
		exit(EXIT_FAILURE);
}

/* DIR/RESULTS with the line `F`: no changes. */
static bool write_results(const char *dir)
{
	char path[4096];
	int fd;
	bool ok;

	snprintf(path, sizeof(path), "%s/RESULTS", dir);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600)) == -1)
		return false;
	ok = write(fd, "F\n", 2) == 2;
	close(fd);
	return ok;
}

static void serve(char *line)
{
	char *dir;

	if (strcmp(line, "ping") == 0)
		answer("PONG\n");
	else if (strncmp(line, "scan ", 5) != 0)
		answer("ok 1\n");
	else if ((dir = strchr(line + 5, ' ')) != NULL && write_results(dir + 1))
		answer("ok\n");
	else
		answer("error: no work directory\n");
}

int main(void)
{
	static char request[MAX_REQUEST + 1];
	size_t len = 0;
	ssize_t n;

	while ((n = read(STDIN_FILENO, request + len, MAX_REQUEST - len)) > 0) {
		len += (size_t)n;
		if (request[len - 1] != '\n')
			continue;
		request[len - 1] = '\0'; /* one request at a time: its LF comes last */
		serve(request);
		len = 0;
	}
	return EXIT_SUCCESS;
}
