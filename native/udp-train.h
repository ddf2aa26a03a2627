/*
 * Consecutive UDP datagrams of one flow on their way out by a TAP or a packet socket, written as one UDP super-frame
 * (VIRTIO_NET_HDR_GSO_UDP_L4): one system call and one walk down or up the stack instead of one each. Only datagrams take part whose
 * checksum is still partial, or was found right by the interface that received them: the train's is made anew, and would hide what a
 * wrong one shows. Nothing waits for company, a train is what one burst holds anyway.
 */
#ifndef WEFT_UDP_TRAIN_H
#define WEFT_UDP_TRAIN_H

#include <stdint.h>
#include <sys/uio.h>

#include "burst.h"
#include "segment.h"

/* Datagrams of one train (UDP_MAX_SEGMENTS of older kernels). */
#define UDP_TRAIN_MAX 64

struct udp_train {
	uint32_t count; /* frames it takes, 0: none */
	uint8_t header[VNET_HEADER_LEN + SEGMENT_HEADER_MAX];
	struct iovec parts[1 + UDP_TRAIN_MAX];
};

/* Looks how many of the first frames form a train; with two or more, `parts` is what to write. */
void udp_train_open(struct udp_train *train, const struct outgoing *frames, uint32_t frame_count);

#endif
