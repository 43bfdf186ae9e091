/* packets.h - what the two targets for milter packets share: the walk over a stream of them. */
#ifndef DEFANG_TESTS_FUZZ_PACKETS_H
#define DEFANG_TESTS_FUZZ_PACKETS_H

#include "proto/milter.h"

#include "fuzz.h"

#include <assert.h>

/* Lists of macro names end within their packet. */
static inline void lists_walk(struct milter_lists l)
{
	const char *names;
	uint32_t stage;

	while (milter_next_list(&l, &stage, &names) == 0)
		assert(names + strlen(names) < l.end);
}

/* Give each packet of the input to `check`, with its data as a copy of exact size. */
static inline void packets_walk(const uint8_t *input, size_t n, size_t max_data,
				void (*check)(const struct milter_packet *p))
{
	char *bytes = fuzz_bytes(input, n), *at = bytes;
	struct milter_packet p;
	size_t used;

	while (milter_frame(at, n, max_data, &p, &used) == MILTER_FRAME_WHOLE) {
		char *data = fuzz_bytes(p.data, p.len);

		assert(used >= 5 && used <= n);
		check(&(struct milter_packet){ p.letter, data, p.len });
		free(data);
		at += used;
		n -= used;
	}
	free(bytes);
}

#endif
