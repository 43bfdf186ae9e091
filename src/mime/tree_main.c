/* mime-tree [-r] FILE.. - print how messages are taken apart: a JSON object a part, depth first. -r leaves
 * uuencoded files in their texts. For tests and for people who look into a message; not installed. */
#include "mime/mime.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static void print_string(const char *name, const char *s)
{
	printf(", \"%s\": ", name);
	if (s == NULL) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			printf("\\u%04x", (unsigned)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

/* Size and checksum of bytes; null when `there` is false or they could not be read. */
static void print_bytes(const char *name, bool there, int error, const struct buf *b)
{
	char *sum;

	if (!there || error < 0) {
		printf(", \"%s\": null", name);
		return;
	}
	sum = g_compute_checksum_for_data(G_CHECKSUM_MD5, (const guchar *)b->data, b->len);
	printf(", \"%s\": { \"size\": %zu, \"md5\": \"%s\" }", name, b->len, sum);
	g_free(sum);
}

static void print_range(const struct mime *m, const char *name, bool there, struct mime_range r)
{
	struct buf b;

	buf_init(&b, BUF_NO_LIMIT);
	print_bytes(name, there, mime_read(m, r, &b), &b);
	buf_free(&b);
}

static void print_headers(const struct mime_part *p)
{
	struct buf b;

	buf_init(&b, BUF_NO_LIMIT);
	for (size_t i = 0; i < p->n_headers; i++)
		buf_add(&b, p->headers[i].line, p->headers[i].len);
	printf(", \"fields\": %zu", p->n_headers);
	print_bytes("head", true, 0, &b);
	buf_free(&b);
}

static void print_part(const struct mime *m, const struct mime_part *p)
{
	struct buf body;

	printf("{ \"depth\": %u", p->depth);
	print_string("type", p->type);
	print_string("effective_type", p->effective_type);
	print_string("encoding", p->encoding_name);
	print_string("disposition", p->disposition);
	print_string("name", p->name);
	print_string("description", p->description);
	printf(", \"synthetic\": %s, \"exploded\": %s", p->synthetic ? "true" : "false",
	       p->exploded ? "true" : "false");
	print_headers(p);
	buf_init(&body, BUF_NO_LIMIT);
	print_bytes("body", p->kind == MIME_LEAF, mime_decode(m, p, &body), &body);
	buf_free(&body);
	print_range(m, "raw", p->head_ended,
		    (struct mime_range){ p->head.at, p->body.at + p->body.len - p->head.at });
	print_range(m, "preamble", p->has_preamble, p->preamble);
	print_range(m, "epilogue", p->has_epilogue, p->epilogue);
	puts(" }");
}

static int print_file(const char *path, const struct mime_options *o)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum mime_error error = MIME_SYSTEM;
	struct mime *m;

	if (fd != -1) {
		error = mime_parse(fd, o, &m);
		close(fd);
	}
	if (error != MIME_OK) {
		fprintf(stderr, "mime-tree: %s: %s%s%s\n", path, mime_error_text(error),
			error == MIME_SYSTEM ? ": " : "", error == MIME_SYSTEM ? strerror(errno) : "");
		return EX_DATAERR;
	}
	for (const struct mime_part *p = mime_root(m); p != NULL; p = mime_next(p))
		print_part(m, p);
	mime_free(m);
	return EX_OK;
}

int main(int argc, char *argv[])
{
	struct mime_options o = mime_defaults;
	int status = EX_OK, c;

	while ((c = getopt(argc, argv, "r")) != -1) {
		if (c != 'r')
			return EX_USAGE;
		o.uuencode = false;
	}
	if (optind == argc) {
		fputs("usage: mime-tree [-r] FILE..\n", stderr);
		return EX_USAGE;
	}
	mime_init();
	for (int i = optind; i < argc; i++) {
		int failed = print_file(argv[i], &o);

		if (failed != EX_OK)
			status = failed;
	}
	mime_fini();
	return status;
}
