/*
 * Coalescing of VXLAN trains: see coalesce.h. The payload is summed and moved in one pass; should its checksum then be wrong, it is
 * moved back and delivered as it came.
 */
#include "coalesce.h"

#include "checksum.h"
#include "segment.h"

#define TCP_ACK 0x10
#define TCP_PSH 0x08
#define IPV4_DF 0x4000
#define IP_LEN_MAX 65535
#define HEADER_MAX (VXLAN_LEN + SEGMENT_HEADER_MAX)

/* What all segments of a run share; offsets from the VXLAN header. */
struct flow {
	const uint8_t *first;
	uint32_t l3_at;
	uint32_t l4_at;
	uint32_t header_len;
	uint32_t payload_len;
	bool is_ipv6;
	bool is_tcp;
};

static uint32_t l4_sum(const struct flow *flow, const uint8_t *segment, uint32_t l4_len)
{
	const uint8_t *addresses = segment + flow->l3_at + (flow->is_ipv6 ? 8 : 12);
	uint32_t sum = checksum_pseudo(addresses, flow->is_ipv6 ? 32 : 8,
				       flow->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP, l4_len);
	return checksum_add(sum, segment + flow->l4_at, flow->header_len - flow->l4_at);
}

static bool is_whole(uint32_t sum)
{
	return checksum_fold(sum) == 0xffff;
}

/* Lengths agree with `len`, the IPv4 checksum is right, the flags allow joining. */
static bool headers_fit(const struct flow *flow, const uint8_t *segment, uint32_t len)
{
	const uint8_t *ip = segment + flow->l3_at;
	const uint8_t *l4 = segment + flow->l4_at;
	if (flow->is_ipv6) {
		if (load16(ip + 4) != len - flow->l4_at)
			return false;
	} else if (load16(ip + 2) != len - flow->l3_at || !is_whole(checksum_add(0, ip, IPV4_LEN))) {
		return false;
	}
	if (flow->is_tcp)
		return (l4[12] & 0x0f) == 0 && (l4[13] & ~TCP_PSH) == TCP_ACK;
	return load16(l4 + 4) == len - flow->l4_at && load16(l4 + UDP_CSUM_AT) != 0;
}

/* Can `first` begin a run? Its own checksum is verified last, being the costly part. */
static bool flow_open(struct flow *flow, const uint8_t *first, uint32_t len, bool join_udp)
{
	struct l4_place place;
	if (len < VXLAN_LEN || !l4_find(first + VXLAN_LEN, len - VXLAN_LEN, &place))
		return false;
	flow->first = first;
	flow->l3_at = VXLAN_LEN + place.l3_at;
	flow->l4_at = VXLAN_LEN + place.l4_at;
	flow->is_ipv6 = place.is_ipv6;
	flow->is_tcp = place.protocol == PROTOCOL_TCP;
	if (flow->l4_at - flow->l3_at != (flow->is_ipv6 ? IPV6_LEN : IPV4_LEN))
		return false;
	if (!flow->is_tcp && !join_udp)
		return false;
	uint32_t l4_header_min = flow->is_tcp ? TCP_LEN : UDP_LEN;
	if (len < flow->l4_at + l4_header_min)
		return false;
	uint32_t l4_header = flow->is_tcp ? (first[flow->l4_at + 12] >> 4) * 4u : UDP_LEN;
	flow->header_len = flow->l4_at + l4_header;
	if (l4_header < l4_header_min || len <= flow->header_len)
		return false;
	flow->payload_len = len - flow->header_len;
	if (!headers_fit(flow, first, len))
		return false;
	uint32_t sum = l4_sum(flow, first, len - flow->l4_at);
	return is_whole(checksum_add(sum, first + flow->header_len, flow->payload_len));
}

static bool ip_follows(const struct flow *flow, const uint8_t *segment, uint32_t index)
{
	const uint8_t *a = flow->first + flow->l3_at, *b = segment + flow->l3_at;
	if (flow->is_ipv6)
		return memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, IPV6_LEN - 6) == 0;
	bool is_id_free = (load16(a + 6) & IPV4_DF) != 0;
	return memcmp(a, b, 2) == 0 && memcmp(a + 6, b + 6, 4) == 0 && memcmp(a + 12, b + 12, 8) == 0 &&
	       (is_id_free || load16(b + 4) == (uint16_t)(load16(a + 4) + index));
}

static bool tcp_follows(const struct flow *flow, const uint8_t *segment, uint32_t joined_len)
{
	const uint8_t *a = flow->first + flow->l4_at, *b = segment + flow->l4_at;
	return memcmp(a, b, 4) == 0 && load32(b + 4) == load32(a + 4) + joined_len &&
	       memcmp(a + 8, b + 8, 5) == 0 && memcmp(a + 14, b + 14, 2) == 0 &&
	       memcmp(a + 18, b + 18, flow->header_len - flow->l4_at - 18) == 0;
}

/* Do the headers say that this is segment `index`, `joined_len` payload bytes after the first? */
static bool segment_follows(const struct flow *flow, const uint8_t *segment, uint32_t len,
			    uint32_t index, uint32_t joined_len)
{
	if (len <= flow->header_len || len - flow->header_len > flow->payload_len)
		return false;
	if (flow->header_len - flow->l3_at + joined_len + (len - flow->header_len) > IP_LEN_MAX)
		return false;
	return memcmp(flow->first, segment, flow->l3_at) == 0 && headers_fit(flow, segment, len) &&
	       ip_follows(flow, segment, index) &&
	       (flow->is_tcp ? tcp_follows(flow, segment, joined_len)
			     : memcmp(flow->first + flow->l4_at, segment + flow->l4_at, 4) == 0);
}

/* Moves the payload of `segment` down to `to`, or changes nothing and returns false if its checksum is wrong. */
static bool payload_join(const struct flow *flow, uint8_t *segment, uint32_t len, uint8_t *to)
{
	uint8_t header[HEADER_MAX];
	uint32_t payload_len = len - flow->header_len;
	uint32_t sum = l4_sum(flow, segment, len - flow->l4_at);
	memcpy(header, segment, flow->header_len);
	sum = checksum_move(sum, to, segment + flow->header_len, payload_len);
	if (is_whole(sum))
		return true;
	memmove(segment + flow->header_len, to, payload_len);
	memcpy(segment, header, flow->header_len);
	return false;
}

/* Makes the first segment's headers those of the whole, checksum partial. */
static void flow_close(const struct flow *flow, uint8_t *first, uint32_t joined_len, bool is_pushed,
		       struct vnet_header *vnet)
{
	uint8_t *ip = first + flow->l3_at, *l4 = first + flow->l4_at;
	uint32_t l4_len = flow->header_len - flow->l4_at + joined_len;
	if (flow->is_ipv6) {
		store16(ip + 4, (uint16_t)l4_len);
	} else {
		store16(ip + 2, (uint16_t)(IPV4_LEN + l4_len));
		store16(ip + 10, 0);
		checksum_store(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, IPV4_LEN)));
	}
	if (flow->is_tcp)
		l4[13] |= is_pushed ? TCP_PSH : 0;
	else
		store16(l4 + 4, (uint16_t)l4_len);
	uint16_t csum_at = flow->is_tcp ? TCP_CSUM_AT : UDP_CSUM_AT;
	uint32_t pseudo = checksum_pseudo(ip + (flow->is_ipv6 ? 8 : 12), flow->is_ipv6 ? 32 : 8,
					  flow->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP, l4_len);
	checksum_store(l4 + csum_at, checksum_fold(pseudo));
	vnet->flags = VNET_NEEDS_CSUM;
	vnet->gso_type = !flow->is_tcp	  ? VNET_GSO_UDP_L4
			 : flow->is_ipv6 ? VNET_GSO_TCPV6
					 : VNET_GSO_TCPV4;
	vnet->hdr_len = (uint16_t)(flow->header_len - VXLAN_LEN);
	vnet->gso_size = (uint16_t)flow->payload_len;
	vnet->csum_start = (uint16_t)(flow->l4_at - VXLAN_LEN);
	vnet->csum_offset = csum_at;
}

static bool has_push(const struct flow *flow, const uint8_t *segment)
{
	return flow->is_tcp && (segment[flow->l4_at + 13] & TCP_PSH) != 0;
}

void coalesce_run(uint8_t *train, uint32_t train_len, uint32_t segment_len, bool join_udp,
		  struct run *run)
{
	struct flow flow;
	uint32_t len = segment_len < train_len ? segment_len : train_len;
	memset(&run->vnet, 0, sizeof run->vnet);
	run->len = len;
	run->consumed = len;
	if (len == train_len || !flow_open(&flow, train, len, join_udp))
		return;

	uint32_t joined_len = flow.payload_len;
	bool is_pushed = has_push(&flow, train);
	uint32_t count = 1;
	while (count < RUN_SEGMENTS_MAX && !is_pushed && run->consumed < train_len) {
		uint8_t *segment = train + run->consumed;
		uint32_t left = train_len - run->consumed;
		len = segment_len < left ? segment_len : left;
		if (!segment_follows(&flow, segment, len, count, joined_len))
			break;
		bool segment_pushes = has_push(&flow, segment);
		if (!payload_join(&flow, segment, len, train + flow.header_len + joined_len))
			break;
		is_pushed = segment_pushes;
		joined_len += len - flow.header_len;
		run->consumed += len;
		count++;
		if (len < segment_len)
			break;
	}
	if (count > 1) {
		flow_close(&flow, train, joined_len, is_pushed, &run->vnet);
		run->len = flow.header_len + joined_len;
	}
}
