/* Stands in for libFuzzer where there is none: runs a target once over each file named. */
#include "fuzz.h"

#include <stdio.h>
#include <sysexits.h>

static int file_run(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long size;
	int rc = -1;

	if (f == NULL)
		return -1;
	if (fseek(f, 0, SEEK_END) == -1 || (size = ftell(f)) < 0)
		goto close;
	rewind(f);
	data = malloc(size > 0 ? (size_t)size : 1);
	if (data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size)
		goto close;
	LLVMFuzzerTestOneInput(data, (size_t)size);
	rc = 0;
close:
	free(data);
	fclose(f);
	return rc;
}

int main(int argc, char *argv[])
{
	for (int i = 1; i < argc; i++) {
		if (file_run(argv[i]) < 0) {
			perror(argv[i]);
			return EX_NOINPUT;
		}
	}
	return 0;
}
