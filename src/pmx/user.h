/* user.h - as whom pmx-milter works: the user of the milters. Root becomes that user for good before anything
 * in run_dir is opened or signalled, so that no doctored file can make root do harm. */
#ifndef DEFANG_PMX_USER_H
#define DEFANG_PMX_USER_H

#include "pmx/conf.h"
#include "pmx/status.h"

#include <stdbool.h>

enum user_need {
	USER_IS_ANY, /* nothing is touched: stay who we are */
	USER_MAY_BE, /* others may look, if the files let them */
	USER_MUST_BE,
};

/* STATUS_OK, or another, told. As root the folders of the compiled-in defaults are made first if they are
 * missing. */
enum status user_become(const struct conf *c, enum user_need need);

/* Whether milters could run as the user of the configuration: STATUS_OK, or another, told. One that
 * is only not there, perhaps yet, is told as a warning. */
enum status user_check(const struct conf *c);
bool user_is_root(void);

#endif
