/*
 * Inner super-frames out of a train of VXLAN packets that UDP_GRO delivered as one buffer: each run of segments that one sender cut
 * from one super-frame becomes that super-frame again, in place.
 *
 *   [VXLAN|Eth|IP|TCP|payload][VXLAN|Eth|IP|TCP|payload]…   →   [VXLAN|Eth|IP|TCP|payload payload …]
 *
 * A segment joins only if putting it back cannot be told from never having cut it: same VXLAN, Ethernet and IP headers but length,
 * identification and checksum; no IPv4 options, IPv6 extensions or fragments; TCP with ACK alone (or ACK and PSH, which ends a run),
 * same acknowledgement, window and options, next sequence number; UDP with a checksum and the same ports; all payloads equal but a
 * shorter last one; checksums verified. Everything else comes out alone and untouched.
 */
#ifndef WEFT_COALESCE_H
#define WEFT_COALESCE_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/* As many datagrams as Linux puts into one train (UDP_GRO_CNT_MAX). */
#define RUN_SEGMENTS_MAX 64

struct run {
	uint32_t len;	   /* bytes of the frame, VXLAN header included */
	uint32_t consumed; /* bytes of the train it took */
	struct vnet_header vnet;
};

/*
 * Takes the next frame from the front of [train, train + train_len), segments of segment_len bytes (> 0) with a shorter last one.
 * May rewrite bytes up to `consumed`, none after. Without `join_udp` only TCP is joined.
 */
void coalesce_run(uint8_t *train, uint32_t train_len, uint32_t segment_len, bool join_udp,
		  struct run *run);

#endif
