#include "worker/head.h"

#include "mime/mime.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

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

/* Enter `line`, which the list owns, into the index under its name. */
static void index_add(pTHX_ HV *index, const struct mime_header *h, SV *line)
{
	bool is_mbox = h->line[h->name_len] != ':'; /* a `From ` line; its space is part of its name */
	SV *key = sv_2mortal(newSVpvn(h->line, h->name_len + is_mbox));
	HE *entry;

	name_normalize(SvPVX(key), SvCUR(key));
	entry = hv_fetch_ent(index, key, 1, 0);
	if (!SvROK(HeVAL(entry)))
		sv_setsv(HeVAL(entry), sv_2mortal(newRV_noinc((SV *)newAV())));
	av_push((AV *)SvRV(HeVAL(entry)), newRV_inc(line));
}

SV *head_new(pTHX_ const struct mime_part *p)
{
	HV *head = newHV(), *index = newHV();
	AV *list = newAV();

	if (p->n_headers > 0)
		av_extend(list, (SSize_t)p->n_headers - 1);
	for (size_t i = 0; i < p->n_headers; i++) {
		SV *line = newSVpvn(p->headers[i].line, p->headers[i].len);

		av_push(list, line);
		index_add(aTHX_ index, &p->headers[i], line);
	}
	hv_stores(head, "mail_hdr_list", newRV_noinc((SV *)list));
	hv_stores(head, "mail_hdr_hash", newRV_noinc((SV *)index));
	hv_stores(head, "mail_hdr_lengths", newRV_noinc((SV *)newHV()));
	hv_stores(head, "mail_hdr_modify", newSViv(0));
	hv_stores(head, "mail_hdr_foldlen", newSViv(FOLD_LENGTH));
	hv_stores(head, "mail_hdr_mail_from", newSVpvs("KEEP"));
	/* The default that a multipart/digest sets for its parts. */
	if (strcmp(p->type, "text/plain") != 0 && mime_header(p, "content-type") == NULL)
		hv_stores(head, "MIH_DefaultType", newSVpv(p->type, 0));
	return sv_bless(newRV_noinc((SV *)head), gv_stashpvs("MIME::Head", GV_ADD));
}
