#include "mime/codec.h"

#include <string.h>

static const signed char base64_digit[256] = {
	/* one more than the digit's value, so that what is not named is no digit */
	['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
	['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
	['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

void codec_base64(struct codec_base64 *state, const char *in, size_t n, struct buf *out)
{
	char *to = buf_reserve(out, n / 4 * 3 + 3);
	size_t made = 0;

	if (to == NULL)
		return;
	for (size_t i = 0; i < n; i++) {
		int digit = base64_digit[(unsigned char)in[i]];

		if (digit == 0)
			continue;
		state->bits = state->bits << 6 | (uint32_t)(digit - 1);
		if (++state->digits == 4) {
			to[made++] = (char)(state->bits >> 16);
			to[made++] = (char)(state->bits >> 8);
			to[made++] = (char)state->bits;
			state->digits = 0;
		}
	}
	buf_extend(out, made);
}

void codec_base64_end(struct codec_base64 *state, struct buf *out)
{
	if (state->digits == 2) {
		buf_addc(out, (char)(state->bits >> 4));
	} else if (state->digits == 3) {
		buf_addc(out, (char)(state->bits >> 10));
		buf_addc(out, (char)(state->bits >> 2));
	}
	*state = (struct codec_base64){ 0 };
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int codec_hex(const char *digits)
{
	int high = hex_digit(digits[0]), low = high >= 0 ? hex_digit(digits[1]) : -1;

	return low >= 0 ? high << 4 | low : -1;
}

/* Bytes up to and with the newline, when nothing but blanks comes before it; else 0. */
static size_t line_end_length(const char *p, const char *end)
{
	const char *at = p;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (at < end && *at == '\r' && at + 1 < end && at[1] == '\n')
		at++;
	return at < end && *at == '\n' ? (size_t)(at + 1 - p) : 0;
}

/* Length of the blanks at p. */
static size_t blanks_length(const char *p, const char *end)
{
	const char *at = p;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return (size_t)(at - p);
}

void codec_qp(const char *in, size_t n, struct buf *out)
{
	const char *p = in, *end = in + n;
	char *start = buf_reserve(out, n), *to = start;
	size_t len;
	int byte;

	if (start == NULL)
		return;
	while (p < end) {
		if (*p == '=' && end - p > 2 && (byte = codec_hex(p + 1)) >= 0) {
			*to++ = (char)byte;
			p += 3;
		} else if (*p == '=' && (len = line_end_length(p + 1, end)) > 0) {
			p += 1 + len;
		} else if (*p == ' ' || *p == '\t' || *p == '\r') {
			if ((len = line_end_length(p, end)) > 0) {
				*to++ = '\n';
			} else {
				len = *p == '\r' ? 1 : blanks_length(p, end);
				memcpy(to, p, len);
				to += len;
			}
			p += len;
		} else {
			*to++ = *p++;
		}
	}
	buf_extend(out, (size_t)(to - start));
}

static bool has_lower_case(const char *line, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (line[i] >= 'a' && line[i] <= 'z')
			return true;
	}
	return false;
}

/* The value of a digit; those missing at the end of a line count as 0. */
static unsigned uu_digit(const char *line, size_t n, size_t at)
{
	return at < n && (unsigned char)line[at] > ' ' ? ((unsigned char)line[at] - 32U) & 63U : 0;
}

void codec_uu(const char *line, size_t n, struct buf *out)
{
	size_t count = n > 0 && line[0] > ' ' ? ((unsigned char)line[0] - 32U) & 63U : 0;

	if (count == 0 || (count + 2) / 3 != n / 4 || has_lower_case(line, n))
		return;
	for (size_t i = 0, at = 1; i < count; i += 3, at += 4) {
		uint32_t bits = uu_digit(line, n, at) << 18 | uu_digit(line, n, at + 1) << 12 |
				uu_digit(line, n, at + 2) << 6 | uu_digit(line, n, at + 3);
		char bytes[3] = { (char)(bits >> 16), (char)(bits >> 8), (char)bits };

		buf_add(out, bytes, count - i < 3 ? count - i : 3);
	}
}

bool codec_uu_begin(const char *line, size_t n, struct codec_begin *out)
{
	const char *p = line + 6, *end = line + n;

	if (n < 10 || memcmp(line, "begin ", 6) != 0)
		return false;
	out->mode = p;
	while (p < end && *p >= '0' && *p <= '7')
		p++;
	out->mode_len = (size_t)(p - out->mode);
	if (out->mode_len < 3 || p == end || *p != ' ')
		return false;
	while (p < end && *p == ' ')
		p++;
	while (end > p && strchr(" \t\r\n", end[-1]) != NULL && end[-1] != '\0')
		end--;
	out->name = p;
	out->name_len = (size_t)(end - p);
	return true;
}

bool codec_uu_end(const char *line, size_t n)
{
	return n >= 3 && memcmp(line, "end", 3) == 0;
}
