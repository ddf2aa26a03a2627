/*
 * Offloads a frame still owes: partial checksums and segmentation, described by its virtio_net_hdr (virtio 1.2 §5.1.6.2).
 *
 * Nothing in the virtio_net_hdr is believed: offsets are recomputed from the headers themselves (hdr_len is ignored) and a header that
 * contradicts its frame makes it OFFLOAD_INVALID. Supported: TCP over IPv4 and IPv6 (with CWR in the first segment only), UDP_L4,
 * up to two VLAN tags, IPv4 options, IPv6 hop-by-hop, routing and destination options. Refused: fragments, UFO, tunnels.
 */
#ifndef WEFT_SEGMENT_H
#define WEFT_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "bytes.h"

/* A super-frame of 64 KiB at the smallest MSS Linux sends (48, tcp_min_snd_mss) has 1366. */
#define SEGMENTS_MAX 2048
/* Ethernet, two tags, IPv4 and TCP with all options; an IPv6 chain longer than this is refused. */
#define SEGMENT_HEADER_MAX 192

enum offload { OFFLOAD_NONE, OFFLOAD_SEGMENT, OFFLOAD_INVALID };

/* Where the transport header is: found from the frame alone. */
struct l4_place {
	uint16_t l3_at;
	uint16_t l4_at;
	uint8_t protocol;
	bool is_ipv6;
};

/* False if the frame is no unfragmented TCP or UDP packet. Reads only [frame, frame + len). */
bool l4_find(const uint8_t *frame, size_t len, struct l4_place *place);

struct segmenter {
	const uint8_t *frame;
	struct l4_place place;
	uint32_t header_len;
	uint32_t payload_len;
	uint32_t segment_len; /* payload bytes of each segment but the last */
	uint32_t count;
	uint32_t addresses_sum;
};

/*
 * OFFLOAD_SEGMENT: `segmenter` is ready. OFFLOAD_NONE: the frame is no super-frame. The frame must stay as it is while in use.
 */
enum offload segmenter_open(struct segmenter *segmenter, const uint8_t *frame, size_t len,
			    const struct vnet_header *vnet);

/* Writes segment `index`'s headers (header_len bytes, checksums complete) and says where its payload lies. */
void segmenter_write(const struct segmenter *segmenter, uint32_t index, uint8_t *header,
		     struct iovec *payload);

/*
 * Completes a partial checksum in place and clears NEEDS_CSUM, so that the frame is whole for whoever sends it next.
 * False if the header contradicts the frame.
 */
bool checksum_complete(uint8_t *frame, size_t len, struct vnet_header *vnet);

#endif
