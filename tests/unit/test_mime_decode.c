#include "mime/mime.h"

#include "mime_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define LINES 20000 /* enough for several reads */

/* A file without a name that holds `b`. */
static int file_of(const struct buf *b)
{
	int fd = memfd_create("message", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, b->data, b->len), b->len);
	return fd;
}

static struct mime *parse_file(const struct buf *b)
{
	int fd = file_of(b);
	struct mime *m;

	assert_int_equal(mime_parse(fd, &mime_defaults, &m), MIME_OK);
	close(fd);
	return m;
}

/* A head, and `line` many times behind it. */
static void message_make(struct buf *b, const char *encoding, const char *line)
{
	buf_init(b, BUF_NO_LIMIT);
	buf_addf(b, "Content-Type: a/b\nContent-Transfer-Encoding: %s\n\n", encoding);
	for (int i = 0; i < LINES; i++)
		buf_adds(b, line);
	assert_int_equal(buf_error(b), 0);
}

static const struct {
	const char *encoding, *line, *plain;
} longs[] = {
	{ "7bit", "a line\n", "a line\n" },
	{ "binary", "crlf\r\n", "crlf\r\n" },
	{ "base64", "Zm9vYmFyYmF6\n", "foobarbaz" },
	{ "base64", "Zm9vY\nmFy\n", "foobar" },
	{ "quoted-printable", "=3D soft= \n =C3=BC \n", "= soft \xc3\xbc\n" },
	{ "quoted-printable", "no newline at all =3D ", "no newline at all = " },
	{ "x-odd", "as it is\n", "as it is\n" },
};

/* Bodies that come in several pieces, to a buffer and to a descriptor. */
static void test_long(void **state)
{
	for (size_t i = 0; i < sizeof(longs) / sizeof(longs[0]); i++) {
		size_t len = strlen(longs[i].plain);
		struct buf message, out;
		int fd = memfd_create("body", MFD_CLOEXEC);
		struct mime *m;

		message_make(&message, longs[i].encoding, longs[i].line);
		m = parse_file(&message);
		buf_init(&out, BUF_NO_LIMIT);
		assert_int_equal(mime_decode(m, mime_root(m), &out), 0);
		assert_int_equal(out.len, LINES * len);
		for (size_t at = 0; at < out.len; at += len)
			assert_memory_equal(out.data + at, longs[i].plain, len);
		assert_int_equal(mime_decode_to(m, mime_root(m), fd, out.len), 0);
		assert_int_equal(lseek(fd, 0, SEEK_END), out.len);
		assert_int_equal(mime_decode_to(m, mime_root(m), fd, out.len - 1), -EMSGSIZE);
		close(fd);
		mime_free(m);
		buf_free(&message);
		buf_free(&out);
	}
}

static const struct {
	const char *encoding, *body, *plain;
} ends[] = {
	{ "7bit", "a\r\nb\r\n", "a\r\nb\n" },
	{ "8bit", "a\r\n\n", "a\n\n" },
	{ "7bit", "a\r\n\r\n", "a\r\n\n" },
	{ "7bit", "\r\n", "\n" },
	{ "7bit", "\n", "\n" },
	{ "7bit", "a\r", "a\r" },
	{ "binary", "a\r\n", "a\r\n" },
	{ "x-uuencode", "text\nbegin 644 x\n#0V%T\nend\n#0V%T\n", "Cat" },
	{ "x-uuencode", "#0V%T\n", "" },
};

static void test_ends(void **state)
{
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct buf message, out;
		struct mime *m;

		buf_init(&message, BUF_NO_LIMIT);
		buf_init(&out, BUF_NO_LIMIT);
		buf_addf(&message, "Content-Transfer-Encoding: %s\n\n%s", ends[i].encoding, ends[i].body);
		m = parse_file(&message);
		assert_int_equal(mime_decode(m, mime_root(m), &out), 0);
		assert_string_equal(out.data, ends[i].plain);
		mime_free(m);
		buf_free(&message);
		buf_free(&out);
	}
}

static void test_errors(void **state)
{
	static const char nested[] = "Content-Type: message/rfc822\n\nA: b\n\nbody";
	struct buf message, out;
	struct mime *m;
	int fd;

	buf_init(&out, 3);
	assert_int_equal(mime_parse_bytes(nested, sizeof(nested) - 1, &mime_defaults, &m), MIME_OK);
	assert_int_equal(mime_decode(m, mime_root(m), &out), -EINVAL);
	assert_int_equal(mime_decode(m, mime_root(m)->child, &out), -EMSGSIZE);
	mime_free(m);
	buf_clear(&out);

	message_make(&message, "base64", "Zm9v\n");
	fd = file_of(&message);
	assert_int_equal(mime_parse(fd, &mime_defaults, &m), MIME_OK);
	assert_int_equal(ftruncate(fd, 80), 0);
	assert_int_equal(mime_decode(m, mime_root(m), &out), -EIO);
	mime_free(m);
	close(fd);
	buf_free(&message);
	buf_free(&out);
}

/* A small file is in memory: what becomes of it afterwards does not matter. */
static void test_small(void **state)
{
	static const struct {
		size_t padding;
		bool in_memory;
	} cases[] = {
		{ 0, true },
		{ MIME_SMALL_FILE - 6, true },
		{ MIME_SMALL_FILE - 5, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf message, out;
		struct mime *m;
		int fd;

		buf_init(&message, BUF_NO_LIMIT);
		buf_init(&out, BUF_NO_LIMIT);
		buf_adds(&message, "A: b\n\n");
		memset(buf_reserve(&message, cases[i].padding + 1), 'x', cases[i].padding);
		buf_extend(&message, cases[i].padding);
		fd = file_of(&message);
		assert_int_equal(mime_parse(fd, &mime_defaults, &m), MIME_OK);
		assert_int_equal(mime_descriptor(m) == -1, cases[i].in_memory);
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(mime_decode(m, mime_root(m), &out), cases[i].in_memory ? 0 : -EIO);
		assert_int_equal(out.len, cases[i].in_memory ? cases[i].padding : 0);
		mime_free(m);
		close(fd);
		buf_free(&message);
		buf_free(&out);
	}
}

static void test_empty(void **state)
{
	struct buf empty;
	struct mime *m;

	buf_init(&empty, BUF_NO_LIMIT);
	m = parse_file(&empty);
	assert_int_equal(mime_count(m), 1);
	assert_int_equal(mime_root(m)->body.len, 0);
	mime_free(m);
}

/* What cannot be parsed at all. */
static void test_no_file(void **state)
{
	struct mime *m;
	int fds[2];

	assert_int_equal(mime_parse(-1, &mime_defaults, &m), MIME_SYSTEM);
	assert_int_equal(errno, EBADF);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(mime_parse(fds[0], &mime_defaults, &m), MIME_SYSTEM);
	assert_int_equal(errno, EINVAL);
	close(fds[0]);
	close(fds[1]);
}

/* A part as it stands, for a rebuild byte for byte. */
static void test_copy(void **state)
{
	static const char part[] = "Content-Type: a/b\r\nX:  y\n\n body \r\n";
	struct buf message, out;
	const struct mime_part *p;
	int fd = memfd_create("copy", MFD_CLOEXEC);
	char copy[sizeof(part)];
	struct mime *m;

	buf_init(&message, BUF_NO_LIMIT);
	buf_init(&out, BUF_NO_LIMIT);
	buf_addf(&message, "Content-Type: multipart/mixed; boundary=b\n\n--b\n%s\n--b--\n", part);
	m = parse_file(&message);
	p = mime_root(m)->child;
	assert_int_equal(mime_read(m, p->head, &out), 0);
	assert_int_equal(mime_read(m, p->body, &out), 0);
	assert_string_equal(out.data, part);
	assert_int_equal(mime_copy(m, (struct mime_range){ p->head.at, p->head.len + p->body.len }, fd), 0);
	assert_int_equal(pread(fd, copy, sizeof(copy), 0), sizeof(part) - 1);
	assert_memory_equal(copy, part, sizeof(part) - 1);
	close(fd);
	mime_free(m);
	buf_free(&message);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long),  cmocka_unit_test(test_ends),  cmocka_unit_test(test_errors),
		cmocka_unit_test(test_small), cmocka_unit_test(test_empty), cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests(tests, mime_set_up, mime_tear_down);
}
