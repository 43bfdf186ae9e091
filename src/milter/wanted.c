#include "milter/wanted.h"

#include <string.h>

const char *const wanted_macros[] = {
	"_",
	"auth_authen",
	"auth_author",
	"auth_ssf",
	"auth_type",
	"cert_issuer",
	"cert_subject",
	"cipher",
	"cipher_bits",
	"daemon_name",
	"daemon_port",
	"i",
	"if_addr",
	"if_name",
	"j",
	"mail_addr",
	"mail_host",
	"mail_mailer",
	"tls_version",
	"verify",
	"rcpt_addr",
	"rcpt_host",
	"rcpt_mailer",
	NULL,
};

static void add_name(struct buf *out, const char *name)
{
	if (out->len > 0)
		buf_addc(out, ' ');
	if (strlen(name) > 1)
		buf_addf(out, "{%s}", name);
	else
		buf_adds(out, name);
}

void wanted_list(struct buf *out, const struct settings *settings)
{
	for (int i = 0; wanted_macros[i] != NULL; i++)
		add_name(out, wanted_macros[i]);
	for (int i = 0; i < settings->n_macros; i++)
		add_name(out, settings->macros[i]);
}
