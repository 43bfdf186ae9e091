/* log.h - the log: syslog, and in the foreground standard error too. Programs log where they decide, once.
 * `base` itself logs only what its callers cannot see; `proto` and `mime` never do. Control bytes in a
 * message are shown as `?`, so that nothing a peer sends can forge a line. Text above 8 KiB is cut, on
 * standard error a line above PIPE_BUF bytes. Safe to call from several threads. */
#ifndef DEFANG_BASE_LOG_H
#define DEFANG_BASE_LOG_H

#include <stdbool.h>

/* `tag` names the program (kept, not copied); `facility` is a LOG_* value. In the foreground each message
 * also goes to standard error as `tag[pid]: level: text`; it is dropped there rather than waited with while
 * the other end takes no more. May be called again, e.g. after a fork. */
void log_open(const char *tag, int facility, bool foreground);

/* The LOG_* value of `mail`, `LOG_MAIL`, `local3` .. in any case; -1 when unknown. */
int log_facility(const char *name);

/* Messages above `level` (LOG_DEBUG, LOG_INFO ..) are dropped. Default: LOG_INFO. */
void log_level(int level);

void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_err(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As log_info(), but to another facility, a LOG_* value. */
void log_info_to(int facility, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As log_err(), but never to standard error: for who prints the text there himself. */
void log_syslog_err(const char *format, ...) __attribute__((format(printf, 1, 2)));

const char *log_tag(void); /* the tag of log_open(); before it, the program's name */

#endif
