#include "milter/ahead.h"

#include "proto/milter.h"

bool ahead_is_abort(const char *in, size_t n, size_t *passed)
{
	struct milter_packet packet;
	size_t used;

	while (milter_frame((char *)in + *passed, n - *passed, MILTER_MAX_DATA, &packet, &used) ==
	       MILTER_FRAME_WHOLE) {
		if (packet.letter != MILTER_MACRO)
			return packet.letter == MILTER_ABORT;
		*passed += used;
	}
	return false;
}
