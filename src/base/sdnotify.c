#include "base/sdnotify.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/number.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_WATCHDOG_US ((int64_t)1000000 * 86400 * 365)

/* Where to; fd -1 when nobody wants to hear. Set once, at the start. */
static struct {
	int fd;
	struct sockaddr_un address;
	socklen_t len;
	int64_t watchdog_ms;
} manager = { .fd = -1 };

bool sdnotify_address(const char *text, struct sockaddr_un *out, socklen_t *len)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t n = strlen(text);

	if (n < 2 || n >= sizeof(a.sun_path) || (text[0] != '/' && text[0] != '@'))
		return false;
	memcpy(a.sun_path, text, n);
	if (text[0] == '@')
		a.sun_path[0] = '\0';
	*out = a;
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (text[0] == '/'));
	return true;
}

int64_t sdnotify_watchdog_parse(const char *usec, const char *pid, pid_t self)
{
	int64_t us, process;

	if (usec == NULL || number_parse(usec, 1, MAX_WATCHDOG_US, &us) < 0)
		return 0;
	if (pid != NULL && (number_parse(pid, 1, INT32_MAX, &process) < 0 || process != self))
		return 0;
	return us / 2000 > 0 ? us / 2000 : 1;
}

static int open_socket(const char *address)
{
	const struct timeval second = { .tv_sec = 1 };

	if (!sdnotify_address(address, &manager.address, &manager.len))
		return -EINVAL;
	if ((manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return -errno;
	setsockopt(manager.fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
	return 0;
}

int sdnotify_open(void)
{
	const char *address = getenv("NOTIFY_SOCKET");
	int err = address != NULL ? open_socket(address) : 0;

	if (manager.fd != -1)
		manager.watchdog_ms = sdnotify_watchdog_parse(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"),
							      getpid());
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return err;
}

static void tell(const struct buf *text, int flags)
{
	if (buf_error(text) == 0 && sendto(manager.fd, text->data, text->len, MSG_NOSIGNAL | flags,
					   (const struct sockaddr *)&manager.address, manager.len) == -1)
		log_debug("service manager not told: %s", strerror(errno));
}

void sdnotify(const char *format, ...)
{
	struct buf text;
	va_list ap;

	if (manager.fd == -1)
		return;
	buf_init(&text, BUF_NO_LIMIT);
	va_start(ap, format);
	buf_addv(&text, format, ap);
	va_end(ap);
	tell(&text, 0);
	buf_free(&text);
}

void sdnotify_alive(const char *status)
{
	struct buf text;

	if (manager.fd == -1)
		return;
	buf_init(&text, BUF_NO_LIMIT);
	buf_adds(&text, "WATCHDOG=1");
	if (status != NULL)
		buf_addf(&text, "\nSTATUS=%s", status);
	tell(&text, MSG_DONTWAIT);
	buf_free(&text);
}

int64_t sdnotify_watchdog_ms(void)
{
	return manager.watchdog_ms;
}
