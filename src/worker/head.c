#include "worker/head.h"

#include "mime/mime.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define FOLD_LENGTH 79 /* Mail::Header's own */

static bool is_consonant(char c)
{
	return isalpha((unsigned char)c) && strchr("aeiouAEIOU", c) == NULL;
}

/* Whether Mail::Header writes a word of a field name in capitals: it has no vowel, or is a known acronym. */
static bool word_is_capital(const char *s, size_t n)
{
	static const char *const acronyms[] = { "MIME", "SWE", "SOAP", "LDAP", "ID" };
	size_t i = 0;

	for (size_t a = 0; a < sizeof(acronyms) / sizeof(acronyms[0]); a++)
		if (n == strlen(acronyms[a]) && strncasecmp(s, acronyms[a], n) == 0)
			return true;
	while (i < n && is_consonant(s[i]))
		i++;
	return n > 0 && i == n;
}

/* The key of a field in the index: `Content-Type`, `MIME-Version`, `Message-ID`, in place. */
static void name_normalize(char *name, size_t n)
{
	for (size_t at = 0, len; at < n; at += len + 1) {
		const char *dash = memchr(name + at, '-', n - at);
		bool capital;

		len = dash != NULL ? (size_t)(dash - name) - at : n - at;
		capital = word_is_capital(name + at, len);
		for (size_t i = at; i < at + len; i++)
			name[i] = (char)(capital || i == at ? toupper((unsigned char)name[i])
							    : tolower((unsigned char)name[i]));
	}
}

struct head {
	AV *list;
	HV *index;
	SV *key; /* of the line in hand */
};

/* A line, into the list and, as a reference to it, into the index under its name. */
static void line_add(pTHX_ struct head *h, const char *text, size_t len, size_t name_len)
{
	bool is_mbox = text[name_len] != ':'; /* a `From ` line; its space is part of its name */
	SV *line = newSVpvn(text, len);
	HE *entry;

	av_push(h->list, line);
	sv_setpvn(h->key, text, name_len + is_mbox);
	name_normalize(SvPVX(h->key), SvCUR(h->key));
	entry = hv_fetch_ent(h->index, h->key, 1, 0);
	if (!SvROK(HeVAL(entry)))
		sv_setrv_noinc(HeVAL(entry), (SV *)newAV());
	av_push((AV *)SvRV(HeVAL(entry)), newRV_inc(line));
}

static void made_line_add(pTHX_ struct head *h, struct buf *line)
{
	buf_addc(line, '\n');
	line_add(aTHX_ h, line->data, line->len, strcspn(line->data, ":"));
	buf_clear(line);
}

/* `; name="value"`, with nothing in it that could end the value or the line. */
static void param_append(struct buf *line, const struct mime_params *params, const char *name)
{
	const char *value = mime_param(params, name);

	if (value == NULL)
		return;
	buf_addf(line, "; %s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			buf_addc(line, '\\');
		buf_addc(line, (unsigned char)*value < ' ' ? ' ' : *value);
	}
	buf_addc(line, '"');
}

/* The head of an uuencoded file, as MIME::Parser makes it (without the file's mode). */
static void attachment_lines_add(pTHX_ struct head *h, const struct mime_part *p)
{
	struct buf line;

	buf_init(&line, BUF_NO_LIMIT);
	buf_addf(&line, "Content-Type: %s", p->type);
	param_append(&line, &p->type_params, "name");
	made_line_add(aTHX_ h, &line);
	buf_addf(&line, "Content-Disposition: %s", p->disposition);
	param_append(&line, &p->disposition_params, "filename");
	made_line_add(aTHX_ h, &line);
	buf_addf(&line, "Content-Transfer-Encoding: %s", p->encoding_name);
	made_line_add(aTHX_ h, &line);
	buf_free(&line);
}

/* What a text gets that was taken apart into its uuencoded files. */
static void multipart_line_add(pTHX_ struct head *h, const struct mime_part *p)
{
	static unsigned count;
	struct buf line;

	buf_init(&line, BUF_NO_LIMIT);
	buf_addf(&line, "Content-Type: %s; boundary=\"----------=_%lld-%ld-U%u\"", p->type,
		 (long long)time(NULL), (long)getpid(), count++);
	made_line_add(aTHX_ h, &line);
	buf_free(&line);
}

/* The head of a multipart of one, which a message is wrapped in that is none: what make_multipart() writes.
 */
static void wrapping_line_add(pTHX_ struct head *h)
{
	static unsigned count;
	struct buf line;

	buf_init(&line, BUF_NO_LIMIT);
	buf_addf(&line, "Content-type: multipart/mixed; boundary=\"----------=_%lld-%ld-W%u\"",
		 (long long)time(NULL), (long)getpid(), count++);
	made_line_add(aTHX_ h, &line);
	buf_free(&line);
}

/* Whether a field, or a line, is one of those that are looked at. */
static bool counts(const char *line, size_t len, enum head_fields which)
{
	bool content = len >= 8 && strncasecmp(line, "Content-", 8) == 0;

	return which == HEAD_ALL || content == (which == HEAD_CONTENT);
}

/* The next line that counts, at *i or behind; NULL at the end. */
static SV *line_next(pTHX_ AV *lines, size_t *i, enum head_fields which)
{
	while (*i < av_count(lines)) {
		SV **line = av_fetch(lines, (SSize_t)(*i)++, 0);

		if (line != NULL && SvPOK(*line) && counts(SvPVX(*line), SvCUR(*line), which))
			return *line;
	}
	return NULL;
}

bool head_is_original(pTHX_ SV *head, const struct mime_part *p, enum head_fields which)
{
	SV **list;
	AV *lines;
	size_t at = 0;

	if (!SvROK(head) || SvTYPE(SvRV(head)) != SVt_PVHV || p->synthetic || p->exploded ||
	    (list = hv_fetchs((HV *)SvRV(head), "mail_hdr_list", 0)) == NULL || !SvROK(*list))
		return false;
	lines = (AV *)SvRV(*list);
	for (size_t i = 0; i < p->n_headers; i++) {
		const struct mime_header *f = &p->headers[i];
		SV *line;

		if (!counts(f->line, f->len, which))
			continue;
		line = line_next(aTHX_ lines, &at, which);
		if (line == NULL || SvCUR(line) != f->len || memcmp(SvPVX(line), f->line, f->len) != 0)
			return false;
	}
	return line_next(aTHX_ lines, &at, which) == NULL;
}

SV *head_new(pTHX_ const struct mime_part *p, enum head_fields which)
{
	struct head lines = { .list = newAV(), .index = newHV(), .key = newSVpvs("") }, *h = &lines;
	HV *head = newHV();

	if (p->n_headers > 0)
		av_extend(h->list, (SSize_t)p->n_headers - 1);
	for (size_t i = 0; i < p->n_headers; i++) {
		const struct mime_header *f = &p->headers[i];

		if (counts(f->line, f->len, which))
			line_add(aTHX_ h, f->line, f->len, f->name_len);
	}
	if (which == HEAD_OTHERS)
		wrapping_line_add(aTHX_ h);
	if (p->synthetic && p->disposition != NULL)
		attachment_lines_add(aTHX_ h, p);
	if (p->exploded)
		multipart_line_add(aTHX_ h, p);
	SvREFCNT_dec(h->key);
	hv_stores(head, "mail_hdr_list", newRV_noinc((SV *)h->list));
	hv_stores(head, "mail_hdr_hash", newRV_noinc((SV *)h->index));
	hv_stores(head, "mail_hdr_lengths", newRV_noinc((SV *)newHV()));
	hv_stores(head, "mail_hdr_modify", newSViv(0));
	hv_stores(head, "mail_hdr_foldlen", newSViv(FOLD_LENGTH));
	hv_stores(head, "mail_hdr_mail_from", newSVpvs("KEEP"));
	/* What a multipart/digest makes of parts that do not tell their type. */
	if (p->parent != NULL && strcmp(p->parent->type, "multipart/digest") == 0)
		hv_stores(head, "MIH_DefaultType", newSVpvs("message/rfc822"));
	return sv_bless(newRV_noinc((SV *)head), gv_stashpvs("MIME::Head", GV_ADD));
}
