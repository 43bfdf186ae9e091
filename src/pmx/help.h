/* help.h - the manual page, or where it cannot be shown a summary. */
#ifndef DEFANG_PMX_HELP_H
#define DEFANG_PMX_HELP_H

/* Become man(1) with the page that belongs to this program; returns when there is no page, no man(1), or
 * standard output cannot show it, and the summary has been printed. */
void help_show(void);

#endif
