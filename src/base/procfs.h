/* procfs.h - what the system tells of a process. */
#ifndef DEFANG_BASE_PROCFS_H
#define DEFANG_BASE_PROCFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct procfs_facts {
	int64_t start; /* when it began, in clock ticks since boot: tells it from an earlier one of its pid */
	int64_t rss_pages; /* resident memory */
	int64_t size;      /* virtual size in bytes */
	int64_t threads;
	pid_t parent;
	char state; /* a letter; Z: it has ended, and nobody has waited for it */
};

/* Read the line of /proc/PID/stat, see proc(5). Pure. 0, or -EINVAL with *out untouched. */
int procfs_parse(const char *line, struct procfs_facts *out);

/* 0; -ESRCH: there is no such process; -errno. */
int procfs_read(pid_t pid, struct procfs_facts *out);

/* The children of a process that have not ended, to free(); *n of them. 0 or -errno. Looks at every process.
 */
int procfs_children(pid_t parent, pid_t **out, size_t *n);

int64_t procfs_kb(int64_t pages);

#endif
