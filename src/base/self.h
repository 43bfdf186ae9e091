/* self.h - where this program lies, so that helpers and data are found relative to it and a tree works from
 * any folder without being installed. */
#ifndef DEFANG_BASE_SELF_H
#define DEFANG_BASE_SELF_H

/* The absolute path of `relative` as seen from the folder above the running program's (`PREFIX` for
 * `PREFIX/bin/program`): self_path("share/perl5"). To free(); NULL with errno set. */
char *self_path(const char *relative);

#endif
