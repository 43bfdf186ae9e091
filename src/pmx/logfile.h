/* logfile.h - a file that lines are appended to, by us or by the programs. */
#ifndef DEFANG_PMX_LOGFILE_H
#define DEFANG_PMX_LOGFILE_H

/* Open it for appending; it is made, of mode 0640, when it is missing. Links are not followed, and nobody is
 * waited for who would read a FIFO: -ENXIO. The descriptor, or -errno. */
int logfile_open(const char *path);

#endif
