#include "milter/check.h"

#include "proto/percent.h"
#include "proto/request.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_SIZE 12

static const char *known(const char *s)
{
	return s != NULL ? s : "UNKNOWN";
}

static const char *peer_ip(const struct peer *p)
{
	return p->ip[0] != '\0' ? p->ip : "UNKNOWN";
}

static const char *peer_name(const struct peer *p)
{
	return p->name != NULL && *p->name != '\0' ? p->name : peer_ip(p);
}

static const char *own_ip(const struct peer *p)
{
	return p->own_ip[0] != '\0' ? p->own_ip : "UNKNOWN";
}

static const char *number(char text[NUMBER_SIZE], int n)
{
	snprintf(text, NUMBER_SIZE, "%d", n);
	return text;
}

void check_relay(struct buf *out, const struct peer *peer, const char *queue_id)
{
	char port[NUMBER_SIZE], own_port[NUMBER_SIZE];
	const char *const words[] = { peer_ip(peer),
				      peer_name(peer),
				      number(port, peer->port),
				      own_ip(peer),
				      number(own_port, peer->own_port),
				      queue_id };

	request_encode(out, "relayok", words, 6);
}

void check_helo(struct buf *out, const struct peer *peer, const char *queue_id)
{
	char port[NUMBER_SIZE], own_port[NUMBER_SIZE];
	const char *const words[] = { peer_ip(peer),     peer_name(peer),
				      known(peer->helo), number(port, peer->port),
				      own_ip(peer),      number(own_port, peer->own_port),
				      queue_id };

	request_encode(out, "helook", words, 7);
}

/* Bytes that a word takes in a request, with the space before it. */
static size_t word_size(const char *word)
{
	struct buf encoded;
	size_t n;

	buf_init(&encoded, BUF_NO_LIMIT);
	percent_encode_str(&encoded, word);
	n = encoded.len + 1;
	buf_free(&encoded);
	return n;
}

/* How many of the words, the first `fixed` in any case, a request has room for. */
static int words_that_fit(const char *verb, const char *const *words, int fixed, int n)
{
	size_t size = strlen(verb);
	int fit = 0;

	while (fit < n && (size += word_size(words[fit])) <= REQUEST_MAX_LINE)
		fit++;
	return fit > fixed ? fit : fixed;
}

/* The fixed words, then the ESMTP arguments as far as a request has room for them: COMMANDS has all. */
static void put_with_args(struct buf *out, const char *verb, const char *const *fixed, int n_fixed,
			  struct milter_strings args)
{
	const char *words[REQUEST_MAX_WORDS], *arg;
	size_t before = out->len;
	int n = n_fixed;

	memcpy(words, fixed, (size_t)n_fixed * sizeof(words[0]));
	while (n < REQUEST_MAX_WORDS && (arg = milter_next(&args)) != NULL)
		words[n++] = arg;
	request_encode(out, verb, words, n);
	if (out->len - before <= REQUEST_MAX_LINE + 1)
		return;
	out->len = before;
	request_encode(out, verb, words, words_that_fit(verb, words, n_fixed, n));
}

void check_sender(struct buf *out, const struct check_about *about, const struct milter_msg *mail)
{
	const char *const words[] = { known(about->sender),     peer_ip(about->peer), peer_name(about->peer),
				      known(about->peer->helo), about->dir,           about->queue_id };

	put_with_args(out, "senderok", words, 6, mail->envelope.args);
}

const char *check_rcpt_macro(const struct macros *macros, const char *name)
{
	const char *value = macros_get(macros, name);

	return value != NULL && *value != '\0' ? value : "?";
}

void check_recipient(struct buf *out, const struct check_about *about, const struct macros *macros,
		     const struct milter_msg *rcpt)
{
	const char *const words[] = { rcpt->envelope.address,
				      known(about->sender),
				      peer_ip(about->peer),
				      peer_name(about->peer),
				      known(about->first_recipient),
				      known(about->peer->helo),
				      about->dir,
				      about->queue_id,
				      check_rcpt_macro(macros, "rcpt_mailer"),
				      check_rcpt_macro(macros, "rcpt_host"),
				      check_rcpt_macro(macros, "rcpt_addr") };

	put_with_args(out, "recipok", words, 11, rcpt->envelope.args);
}
