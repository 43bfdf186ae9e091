#include "base/address.h"

#include "base/number.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define MAX_HOST_NAME 253 /* bytes */

static const char *const unix_prefixes[] = { "unix:", "local:" };

static const struct {
	const char *prefix;
	int family;
	bool any; /* all addresses, asked for by name; takes no HOST */
} inet_forms[] = {
	{ "inet:", AF_INET, false },
	{ "inet6:", AF_INET6, false },
	{ "inet_any:", AF_INET, true },
	{ "inet6_any:", AF_INET6, true },
};

/* What follows `prefix` in `text`, or NULL when it does not begin so. */
static const char *after_prefix(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static enum address_error parse_path(const char *path, struct address *out)
{
	struct address a = { .un = { .sun_family = AF_UNIX } };
	size_t n = strlen(path);

	if (n == 0)
		return ADDRESS_EMPTY;
	if (n >= sizeof(a.un.sun_path))
		return ADDRESS_PATH_TOO_LONG;
	memcpy(a.un.sun_path, path, n);
	a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	*out = a;
	return ADDRESS_OK;
}

static enum address_error parse_port(const char *text, size_t n, in_port_t *out)
{
	char digits[6];
	int64_t port;

	if (n == 0 || n >= sizeof(digits) || text[0] == '+')
		return ADDRESS_BAD_PORT;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (number_parse(digits, 1, 65535, &port) < 0)
		return ADDRESS_BAD_PORT;
	*out = htons((uint16_t)port);
	return ADDRESS_OK;
}

/* `text`, without its brackets, in `host`. False when it is too long for a numeric address or badly
 * bracketed. */
static bool bare_host(const char *text, char host[INET6_ADDRSTRLEN])
{
	size_t n = strlen(text);

	if (n > 0 && text[0] == '[') {
		if (text[n - 1] != ']')
			return false;
		text++;
		n -= 2;
	}
	if (n == 0 || n >= INET6_ADDRSTRLEN)
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	return true;
}

/* Letters, digits, dots and hyphens, and not only digits and dots: that would be a bad address. */
static bool is_host_name(const char *text)
{
	static const char digits[] = "0123456789.";
	static const char all[] = "0123456789.-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t n = strlen(text);

	return n <= MAX_HOST_NAME && strspn(text, all) == n && strspn(text, digits) < n && text[0] != '-' &&
	       text[0] != '.';
}

static enum address_error set_host(struct address *a, const char *text)
{
	char host[INET6_ADDRSTRLEN];
	bool v6 = a->sa.sa_family == AF_INET6;

	if (!bare_host(text, host))
		return is_host_name(text) ? ADDRESS_NAMED_HOST : ADDRESS_BAD_HOST;
	if (strcmp(host, "localhost") == 0)
		snprintf(host, sizeof(host), "%s", v6 ? "::1" : "127.0.0.1");
	if (inet_pton(a->sa.sa_family, host, v6 ? (void *)&a->in6.sin6_addr : (void *)&a->in.sin_addr) != 1)
		return is_host_name(text) ? ADDRESS_NAMED_HOST : ADDRESS_BAD_HOST;
	return ADDRESS_OK;
}

/* `rest` is PORT[@HOST]. Zero bytes are the wildcard address in both families. */
static enum address_error parse_inet(const char *rest, int family, bool any, enum address_default host,
				     struct address *out)
{
	struct address a = { .sa = { .sa_family = (sa_family_t)family } };
	const char *at = strchrnul(rest, '@');
	in_port_t *port = family == AF_INET6 ? &a.in6.sin6_port : &a.in.sin_port;
	enum address_error e = parse_port(rest, (size_t)(at - rest), port);

	a.len = family == AF_INET6 ? sizeof(a.in6) : sizeof(a.in);
	if (e == ADDRESS_OK && *at == '@')
		e = any ? ADDRESS_BAD_HOST : set_host(&a, at + 1);
	else if (e == ADDRESS_OK && !any && host == ADDRESS_LOOPBACK)
		e = set_host(&a, "localhost");
	else if (e == ADDRESS_OK)
		a.wildcard = !any;
	if (e == ADDRESS_OK)
		*out = a;
	return e;
}

enum address_error address_parse(const char *text, enum address_default host, struct address *out)
{
	const char *rest;

	for (size_t i = 0; i < sizeof(inet_forms) / sizeof(inet_forms[0]); i++)
		if ((rest = after_prefix(text, inet_forms[i].prefix)) != NULL)
			return parse_inet(rest, inet_forms[i].family, inet_forms[i].any, host, out);
	for (size_t i = 0; i < sizeof(unix_prefixes) / sizeof(unix_prefixes[0]); i++)
		if ((rest = after_prefix(text, unix_prefixes[i])) != NULL)
			return parse_path(rest, out);
	if (host == ADDRESS_WILDCARD && text[0] != '/' && strchr(text, ':') != NULL)
		return ADDRESS_BAD_KIND;
	return parse_path(text, out);
}

const char *address_error_text(enum address_error e)
{
	static const char *const texts[] = {
		[ADDRESS_OK] = "no error",
		[ADDRESS_EMPTY] = "empty address",
		[ADDRESS_PATH_TOO_LONG] = "socket path is longer than 107 bytes",
		[ADDRESS_BAD_PORT] = "port is not a number of 1 to 65535",
		[ADDRESS_BAD_HOST] = "host is not an address of this family",
		[ADDRESS_NAMED_HOST] = "host has to be a numeric address here",
		[ADDRESS_BAD_KIND] = "not a path, nor unix:, local:, inet: or inet6:",
	};

	return texts[e];
}

bool address_is_unix(const struct address *a)
{
	return a->sa.sa_family == AF_UNIX;
}
