#include "pmx/port.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* `kind' is inet or inet6, `rest' is PORT@HOST. */
static const char *rewrite_inet(const char *kind, const char *rest, struct port *out)
{
	const char *at = strchr(rest, '@');

	if (at == NULL || at[1] == '\0')
		return "names no host: use PORT@HOST, or PORT@any for all addresses";
	out->any = strcmp(at + 1, "any") == 0;
	if (out->any)
		snprintf(out->text, sizeof(out->text), "%s_any:%.*s", kind, (int)(at - rest), rest);
	else
		snprintf(out->text, sizeof(out->text), "%s:%s", kind, rest);
	return NULL;
}

static const char *rewrite_path(const char *path, const char *run_dir, struct port *out)
{
	if (*path == '/')
		snprintf(out->text, sizeof(out->text), "unix:%s", path);
	else
		snprintf(out->text, sizeof(out->text), "unix:%s/%s", run_dir, path);
	return *path == '\0' ? "names no path" : NULL;
}

static const char *rewrite(const char *text, const char *run_dir, struct port *out)
{
	const char *rest = strchr(text, ':');
	size_t n = rest != NULL ? (size_t)(rest - text) : 0;

	if (n == 4 && strncmp(text, "inet", n) == 0)
		return rewrite_inet("inet", rest + 1, out);
	if (n == 5 && strncmp(text, "inet6", n) == 0)
		return rewrite_inet("inet6", rest + 1, out);
	if ((n == 5 && strncmp(text, "local", n) == 0) || (n == 4 && strncmp(text, "unix", n) == 0))
		return rewrite_path(rest + 1, run_dir, out);
	return "begins with none of inet:, inet6:, local: and unix:";
}

static int number_of(const char *text)
{
	int number = 0;

	return sscanf(text, "%*[^:]:%5d", &number) == 1 ? number : 0;
}

const char *port_parse(const char *text, const char *run_dir, struct port *out)
{
	struct port p = { .number = 0 };
	enum address_error e;
	const char *why;

	if (strlen(text) >= PORT_MAX - 8)
		return "is too long";
	if ((why = rewrite(text, run_dir, &p)) != NULL)
		return why;
	e = address_parse(p.text, ADDRESS_WILDCARD, &p.address);
	if (e != ADDRESS_OK && e != ADDRESS_NAMED_HOST)
		return address_error_text(e);
	p.named = e == ADDRESS_NAMED_HOST;
	p.number = strncmp(p.text, "inet", 4) == 0 ? number_of(p.text) : 0;
	*out = p;
	return NULL;
}

/* Behind the prefix, if the text has it. */
static const char *behind(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : text;
}

void port_socket_text(const char *text, const char *run_dir, char out[PORT_MAX])
{
	static const char *const inet[] = { "inet:", "inet6:", "inet_any:", "inet6_any:" };
	const char *path = behind(text, "unix:");
	bool relative;

	if (path == text)
		path = behind(text, "local:");
	relative = *path != '/' && *path != '\0';
	for (size_t i = 0; i < sizeof(inet) / sizeof(inet[0]); i++)
		relative = relative && behind(text, inet[i]) == text;
	if (relative)
		snprintf(out, PORT_MAX, "unix:%s/%s", run_dir, path);
	else
		snprintf(out, PORT_MAX, "%s", text);
}

static bool same_host(const struct port *a, const struct port *b)
{
	if (a->any || b->any)
		return true;
	if (a->address.sa.sa_family == AF_INET6)
		return memcmp(&a->address.in6.sin6_addr, &b->address.in6.sin6_addr,
			      sizeof(a->address.in6.sin6_addr)) == 0;
	return a->address.in.sin_addr.s_addr == b->address.in.sin_addr.s_addr;
}

bool port_overlaps(const struct port *a, const struct port *b)
{
	if (a->named || b->named)
		return strcmp(a->text, b->text) == 0;
	if (a->address.sa.sa_family != b->address.sa.sa_family)
		return false;
	if (address_is_unix(&a->address))
		return strcmp(a->address.un.sun_path, b->address.un.sun_path) == 0;
	return a->number == b->number && same_host(a, b);
}
