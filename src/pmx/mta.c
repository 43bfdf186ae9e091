#include "pmx/mta.h"

#include "pmx/conf_check.h"
#include "pmx/port.h"

#include <string.h>

/* The host of PORT@HOST, without brackets, in which Sendmail takes no IPv6 address; that of all addresses is
 * this host's loopback. */
static void add_host(struct buf *out, const struct port *p, bool v6)
{
	const char *host = strchr(p->text, '@');
	size_t n;

	if (host == NULL || p->any) {
		buf_adds(out, v6 ? "::1" : "127.0.0.1");
		return;
	}
	n = strlen(++host);
	if (host[0] == '[' && n > 2) {
		host++;
		n -= 2;
	}
	buf_add(out, host, n);
}

static bool is_v6(const struct port *p)
{
	return strncmp(p->text, "inet6", strlen("inet6")) == 0;
}

/* inet:HOST:PORT, inet:[HOST]:PORT, or unix:PATH. */
static void add_postfix(struct buf *out, const struct port *p)
{
	bool v6 = is_v6(p);

	if (p->number == 0) {
		buf_adds(out, p->text);
		return;
	}
	buf_adds(out, v6 ? "inet:[" : "inet:");
	add_host(out, p, v6);
	buf_addf(out, v6 ? "]:%d" : ":%d", p->number);
}

static void add_sendmail(struct buf *out, const struct port *p)
{
	bool v6 = is_v6(p);

	if (p->number == 0) {
		buf_adds(out, p->text);
		return;
	}
	buf_addf(out, "%s:%d@", v6 ? "inet6" : "inet", p->number);
	add_host(out, p, v6);
}

static bool port_of(const struct conf *c, const struct conf_milter *m, struct port *p)
{
	const char *text = conf_text(c, m, KEY_PORT, "");

	return port_parse(text, conf_text(c, NULL, KEY_RUN_DIR, CONF_RUN_DIR), p) == NULL;
}

static bool has_local(const struct conf *c)
{
	struct port p;

	for (size_t i = 0; i < c->n_milters; i++)
		if (conf_is_enabled(c, c->milters[i]) && port_of(c, c->milters[i], &p) && p.number == 0)
			return true;
	return false;
}

/* One parameter: milters are asked in this order. A line that begins with a blank goes on; comments may stand
 * between. */
static void lines_postfix(const struct conf *c, struct buf *out)
{
	struct port p;

	buf_adds(out, "# main.cf\n");
	if (has_local(c))
		buf_adds(
			out,
			"# smtpd has to reach the sockets: it needs the milters' group, and umask = 007 in "
			"pmx.conf;\n"
			"# where master.cf has it in a chroot it sees only what is below queue_directory.\n");
	buf_adds(out, "smtpd_milters =\n");
	for (size_t i = 0; i < c->n_milters; i++) {
		const struct conf_milter *m = c->milters[i];

		if (!port_of(c, m, &p))
			continue;
		buf_addf(out, "    # %s%s\n    %s", m->name, conf_is_enabled(c, m) ? "" : " (disabled)",
			 conf_is_enabled(c, m) ? "" : "# ");
		add_postfix(out, &p);
		buf_addc(out, '\n');
	}
	buf_adds(out, "milter_default_action = tempfail\nmilter_content_timeout = 300s\n");
}

static void lines_sendmail(const struct conf *c, struct buf *out)
{
	struct port p;

	buf_adds(out, "dnl sendmail.mc\n");
	for (size_t i = 0; i < c->n_milters; i++) {
		const struct conf_milter *m = c->milters[i];

		if (!port_of(c, m, &p))
			continue;
		buf_addf(out, "%sINPUT_MAIL_FILTER(`%s', `S=", conf_is_enabled(c, m) ? "" : "dnl disabled: ",
			 m->name);
		add_sendmail(out, &p);
		buf_adds(out, ", F=T, T=S:60s;R:60s;E:5m')dnl\n");
	}
}

void mta_lines(const struct conf *c, enum mta which, struct buf *out)
{
	if (which == MTA_POSTFIX)
		lines_postfix(c, out);
	else
		lines_sendmail(c, out);
}
