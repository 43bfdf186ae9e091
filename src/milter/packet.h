/* packet.h - which command a packet is, and whether it may come now. Private to session.c. */
#ifndef DEFANG_MILTER_PACKET_H
#define DEFANG_MILTER_PACKET_H

#include "milter/stages.h"

/* Do what the packet says. One that may not come at this step of a message gives the message up. */
enum next packet_take(struct session *s, const struct milter_packet *p);

/* The MTA does not keep to the protocol: the connection is of no use any more. */
enum next packet_is_bad(struct session *s);

#endif
