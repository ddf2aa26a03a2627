/*
 * Where the kernel puts what a packet socket receives (TPACKET_V2, packet_mmap): slots that are mapped into the arena, so that a small frame
 * is handed out where it lies, without a system call and without another copy. A frame that is longer than a slot waits in the
 * socket's queue, and its slot says so (PACKET_COPY_THRESH): so super-frames and small frames keep their order.
 */
#ifndef WEFT_PACKET_RING_H
#define WEFT_PACKET_RING_H

#include <linux/if_packet.h>

#include "burst.h"

struct packet_ring {
	uint8_t *slots;
	uint32_t place; /* which of the arena's rings it is */
	uint32_t next;	/* slot that the next frame comes in */
	uint32_t held;	/* slots before `next` whose frames are handed out */
	uint32_t lost;	/* frames there was no room for, as far as they have been asked of the kernel */
};

/* NULL if the socket, which must be new, gets none: too many have one already, or this kernel has no memory for it. */
struct packet_ring *packet_ring_open(struct burst *burst, int fd);
void packet_ring_close(struct burst *burst, struct packet_ring *ring);

/* What was handed out is not needed any more. */
void packet_ring_release(struct packet_ring *ring);

/* The slot that the next frame comes in; its tp_status, loaded by packet_ring_status, says whether it has. */
struct tpacket2_hdr *packet_ring_slot(const struct packet_ring *ring);
uint32_t packet_ring_status(const struct tpacket2_hdr *slot);
/* Holds the next slot until release. */
void packet_ring_advance(struct packet_ring *ring);

uint32_t packet_ring_lost(struct packet_ring *ring, int fd);

#endif
