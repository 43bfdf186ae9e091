/* mime_fixture.h - what a group of tests needs that calls the MIME engine: mime_init() and mime_fini(). */
#ifndef DEFANG_TESTS_MIME_FIXTURE_H
#define DEFANG_TESTS_MIME_FIXTURE_H

#include "mime/mime.h"

static inline int mime_set_up(void **state)
{
	mime_init();
	return 0;
}

static inline int mime_tear_down(void **state)
{
	mime_fini();
	return 0;
}

#endif
