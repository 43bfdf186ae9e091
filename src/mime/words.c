#include "mime/words.h"

#include "mime/codec.h"

#include <errno.h>
#include <gmime/gmime-iconv.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* An encoded word: =?charset*language?encoding?text?= */
struct word {
	const char *charset, *text;
	size_t charset_len, text_len;
	bool base64;
};

static void escape(struct buf *out, char c)
{
	buf_addf(out, "\\x%02X", (unsigned char)c);
}

/* ASCII as it is, everything else shown. */
static void add_ascii(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] != '\0' && (unsigned char)s[i] < 0x80)
			buf_addc(out, s[i]);
		else
			escape(out, s[i]);
	}
}

/* Character sets that mail is written in. No other name is asked for: both GMime and the C library remember
 * every name they were ever asked, and those in mail are chosen by strangers. */
static const char *const charsets[] = {
	"us-ascii",     "ascii",        "utf-8",        "utf8",         "utf-7",        "utf-16",
	"utf-16be",     "utf-16le",     "iso-8859-1",   "latin1",       "iso-8859-2",   "iso-8859-3",
	"iso-8859-4",   "iso-8859-5",   "iso-8859-6",   "iso-8859-7",   "iso-8859-8",   "iso-8859-8-i",
	"iso-8859-9",   "iso-8859-10",  "iso-8859-11",  "iso-8859-13",  "iso-8859-14",  "iso-8859-15",
	"iso-8859-16",  "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254",
	"windows-1255", "windows-1256", "windows-1257", "windows-1258", "windows-874",  "cp1250",
	"cp1251",       "cp1252",       "cp437",        "cp850",        "cp866",        "koi8-r",
	"koi8-u",       "iso-2022-jp",  "iso-2022-kr",  "euc-jp",       "shift_jis",    "sjis",
	"cp932",        "euc-kr",       "cp949",        "gb2312",       "gbk",          "gb18030",
	"big5",         "big5-hkscs",   "hz-gb-2312",   "tis-620",      "macintosh",    "ks_c_5601-1987",
};

/* GMime maps the names that mail uses to those of the C library. */
static iconv_t converter(const char *charset)
{
	for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++) {
		if (strcasecmp(charset, charsets[i]) == 0)
			return g_mime_iconv_open("UTF-8", charsets[i]);
	}
	return (iconv_t)-1;
}

/* One call of iconv(). `in` NULL: give what it has kept back, as it does with a letter that an accent may
 * follow (windows-1255, -1258). */
static size_t convert_piece(struct buf *out, iconv_t cd, char **in, size_t *left)
{
	char piece[512], *to = piece;
	size_t room = sizeof(piece), status = iconv(cd, in, left, &to, &room);

	for (char *p = piece; p < to; p++) {
		if (*p != '\0')
			buf_addc(out, *p);
		else
			escape(out, *p);
	}
	return status;
}

static void convert(struct buf *out, iconv_t cd, char *in, size_t left)
{
	while (left > 0 && buf_error(out) == 0) {
		if (convert_piece(out, cd, &in, &left) != (size_t)-1 || errno == E2BIG)
			continue;
		escape(out, *in++); /* EILSEQ, or EINVAL: cut short */
		left--;
	}
	convert_piece(out, cd, NULL, NULL);
}

void words_convert(struct buf *out, const char *charset, const char *s, size_t n)
{
	iconv_t cd = converter(charset);
	struct buf copy;

	if (cd == (iconv_t)-1) {
		add_ascii(out, s, n);
		return;
	}
	buf_init(&copy, BUF_NO_LIMIT);
	buf_add(&copy, s, n); /* iconv() takes its input as writable */
	if (buf_error(&copy) == 0)
		convert(out, cd, copy.data, copy.len);
	buf_free(&copy);
	g_mime_iconv_close(cd);
}

/* Whether s[0..n) starts with a word; its length. */
static size_t word_parse(const char *s, size_t n, struct word *w)
{
	const char *end = s + n, *p, *q;

	if (n < 8 || s[0] != '=' || s[1] != '?')
		return 0;
	w->charset = s + 2;
	if ((p = memchr(w->charset, '?', (size_t)(end - w->charset))) == NULL || end - p < 5 || p[2] != '?')
		return 0;
	if (strchr("bBqQ", p[1]) == NULL || p[1] == '\0')
		return 0;
	w->charset_len = (size_t)(p - w->charset);
	w->base64 = p[1] == 'b' || p[1] == 'B';
	w->text = p + 3;
	if ((q = memchr(w->text, '?', (size_t)(end - w->text))) == NULL || q == w->text || q + 1 == end ||
	    q[1] != '=')
		return 0;
	w->text_len = (size_t)(q - w->text);
	return (size_t)(q + 2 - s);
}

/* The Q encoding: quoted-printable with `_` for a space and no line ends. */
static void q_decode(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int byte;

		if (s[i] == '=' && i + 2 < n && (byte = codec_hex(s + i + 1)) >= 0) {
			buf_addc(out, (char)byte);
			i += 2;
		} else {
			buf_addc(out, s[i] == '_' ? ' ' : s[i]);
		}
	}
}

static void word_decode(struct buf *out, const struct word *w)
{
	const char *star = memchr(w->charset, '*', w->charset_len); /* RFC 2231: a language follows */
	size_t len = star != NULL ? (size_t)(star - w->charset) : w->charset_len;
	char charset[64];
	struct buf bytes;

	if (len >= sizeof(charset))
		len = 0;
	memcpy(charset, w->charset, len);
	charset[len] = '\0';
	buf_init(&bytes, BUF_NO_LIMIT);
	if (w->base64) {
		struct codec_base64 state = { 0 };

		codec_base64(&state, w->text, w->text_len, &bytes);
		codec_base64_end(&state, &bytes);
	} else {
		q_decode(&bytes, w->text, w->text_len);
	}
	words_convert(out, charset, bytes.data, bytes.len);
	buf_free(&bytes);
}

static size_t blank_length(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r'))
		i++;
	return i;
}

void words_decode(struct buf *out, const char *s, size_t n)
{
	struct word w;
	size_t len, blank;

	while (n > 0) {
		if ((len = word_parse(s, n, &w)) == 0) {
			add_ascii(out, s++, 1);
			n--;
			continue;
		}
		word_decode(out, &w);
		s += len;
		n -= len;
		blank = blank_length(s, n);
		if (blank > 0 && word_parse(s + blank, n - blank, &w) > 0) {
			s += blank;
			n -= blank;
		}
	}
}
