#include "proto/workdir.h"
#include "worker/globals.h"
#include "worker/xs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the lines of COMMANDS set, and what reading it clears first (section 6 of the filter's manual). */
static const char *const cleared_arrays[] = { "Recipients", "SenderESMTPArgs" };
static const char *const cleared_hashes[] = { "RecipientMailers", "RecipientESMTPArgs", "SendmailMacros" };

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void scalar_set(pTHX_ const char *name, const char *value)
{
	sv_setpv_mg(globals_scalar(aTHX_ name), value);
}

static void commands_clear(pTHX)
{
	for (size_t i = 0; i < N(cleared_arrays); i++)
		av_clear(globals_array(aTHX_ cleared_arrays[i]));
	for (size_t i = 0; i < N(cleared_hashes); i++)
		hv_clear(globals_hash(aTHX_ cleared_hashes[i]));
	sv_setiv(globals_scalar(aTHX_ "SubjectCount"), 0);
}

/* `RECIPIENT MAILER HOST ADDR`; `?` stands for what the MTA did not tell. */
static void recipient_add(pTHX_ const struct item *item)
{
	const char *rcpt = item->argc > 0 ? item->argv[0] : "";
	AV *mailer = newAV();

	for (int i = 1; i < 4; i++)
		av_push(mailer, newSVpv(i < item->argc ? item->argv[i] : "?", 0));
	av_push(globals_array(aTHX_ "Recipients"), newSVpv(rcpt, 0));
	hv_store(globals_hash(aTHX_ "RecipientMailers"), rcpt, (I32)strlen(rcpt), newRV_noinc((SV *)mailer),
		 0);
}

/* An ESMTP argument belongs to the recipient read last. */
static void recipient_arg_add(pTHX_ const char *arg)
{
	AV *recipients = globals_array(aTHX_ "Recipients");
	SV **last = av_fetch(recipients, av_len(recipients), 0);
	HE *entry;

	if (last == NULL)
		return;
	entry = hv_fetch_ent(globals_hash(aTHX_ "RecipientESMTPArgs"), *last, 1, 0);
	if (!SvROK(HeVAL(entry)))
		sv_setsv(HeVAL(entry), sv_2mortal(newRV_noinc((SV *)newAV())));
	av_push((AV *)SvRV(HeVAL(entry)), newSVpv(arg, 0));
}

static void macro_set(pTHX_ const struct item *item)
{
	const char *value = item->argc > 1 ? item->argv[1] : "";

	if (item->argc > 0)
		hv_store(globals_hash(aTHX_ "SendmailMacros"), item->argv[0], (I32)strlen(item->argv[0]),
			 newSVpv(value, 0), 0);
}

static void subject_add(pTHX_ const char *subject)
{
	SV *count = globals_scalar(aTHX_ "SubjectCount");

	if (SvIV(count) == 0)
		scalar_set(aTHX_ "Subject", subject);
	sv_setiv(count, SvIV(count) + 1);
}

/* The client that a trusted relay named in the validation header takes the relay's place. */
static void relay_replace(pTHX_ const char *ip)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	char name[NI_MAXHOST];

	if (inet_pton(AF_INET, ip, &sin.sin_addr) != 1)
		return;
	if (getnameinfo((struct sockaddr *)&sin, sizeof(sin), name, sizeof(name), NULL, 0, NI_NAMEREQD) != 0)
		snprintf(name, sizeof(name), "[%s]", ip);
	scalar_set(aTHX_ "RelayAddr", ip);
	scalar_set(aTHX_ "RelayHostname", name);
	scalar_set(aTHX_ "WasResent", "1");
}

static void command_apply(pTHX_ const struct item *item)
{
	const char *arg = item->argc > 0 ? item->argv[0] : "";

	switch ((enum command_letter)item->letter) {
	case COMMAND_ID:
		scalar_set(aTHX_ "MIMEDefangID", arg);
		break;
	case COMMAND_SENDER:
		scalar_set(aTHX_ "Sender", arg);
		break;
	case COMMAND_SENDER_ARG:
		av_push(globals_array(aTHX_ "SenderESMTPArgs"), newSVpv(arg, 0));
		break;
	case COMMAND_MACRO:
		macro_set(aTHX_ item);
		break;
	case COMMAND_QUEUE_ID:
		scalar_set(aTHX_ "QueueID", arg);
		break;
	case COMMAND_CLIENT_NAME:
		scalar_set(aTHX_ "RelayHostname", arg);
		scalar_set(aTHX_ "RealRelayHostname", arg);
		break;
	case COMMAND_CLIENT_IP:
		scalar_set(aTHX_ "RelayAddr", arg);
		scalar_set(aTHX_ "RealRelayAddr", arg);
		break;
	case COMMAND_HELO:
		scalar_set(aTHX_ "Helo", arg);
		break;
	case COMMAND_RECIPIENT:
		recipient_add(aTHX_ item);
		break;
	case COMMAND_RECIPIENT_ARG:
		recipient_arg_add(aTHX_ arg);
		break;
	case COMMAND_SUSPICIOUS_HEADER:
		scalar_set(aTHX_ "SuspiciousCharsInHeaders", "1");
		break;
	case COMMAND_SUSPICIOUS_BODY:
		scalar_set(aTHX_ "SuspiciousCharsInBody", "1");
		break;
	case COMMAND_SUBJECT:
		subject_add(aTHX_ arg);
		break;
	case COMMAND_MESSAGE_ID:
		scalar_set(aTHX_ "MessageID", arg);
		break;
	case COMMAND_RELAY:
		relay_replace(aTHX_ arg);
		break;
	case COMMAND_END:
		break; /* commands_read() stops there */
	}
}

/* Read to the `F` line. 1 when it was there, 0 when not. */
static int commands_read(pTHX_ FILE *f)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int ended = 0;

	while (!ended && (n = getline(&line, &room, f)) != -1) {
		struct item item;

		if (n > 0 && line[n - 1] == '\n')
			line[n - 1] = '\0';
		ended = line[0] == COMMAND_END;
		if (item_parse(line, &item) == ITEM_OK)
			command_apply(aTHX_ & item);
	}
	free(line);
	return ended;
}

/* commands_load(path): 1 when the file ended with F, 0 when not; undef with $! set when it could not be
 * opened. */
static void xs_commands_load(pTHX_ CV *cv)
{
	dXSARGS;
	char room[4096]; /* or the library would ask for the size of the file's blocks */
	FILE *f;
	int ended;

	if (items != 1)
		croak_xs_usage(cv, "path");
	f = fopen(SvPV_nolen(ST(0)), "re");
	if (f == NULL)
		XSRETURN_UNDEF;
	setvbuf(f, room, _IOFBF, sizeof(room));
	commands_clear(aTHX);
	ended = commands_read(aTHX_ f);
	fclose(f);
	XSRETURN_IV(ended);
}

void xs_commands_boot(pTHX)
{
	newXS("Mail::MIMEDefang::commands_load", xs_commands_load, __FILE__);
}
