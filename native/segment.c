/*
 * Segmentation and checksum completion: see segment.h. What each segment carries follows what Linux's own TCP and UDP segmentation
 * produce: IPv4 identification counts up, FIN and PSH stay for the last segment, CWR for the first.
 */
#include "segment.h"

#include "checksum.h"

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

#define IPV6_HOP_BY_HOP 0
#define IPV6_ROUTING 43
#define IPV6_DESTINATION 60

static bool ipv4_find(const uint8_t *frame, size_t len, struct l4_place *place)
{
	const uint8_t *ip = frame + place->l3_at;
	if (len < place->l3_at + (size_t)IPV4_LEN || ip[0] >> 4 != 4)
		return false;
	uint32_t header_len = (ip[0] & 0xf) * 4u;
	if (header_len < IPV4_LEN || len < place->l3_at + header_len)
		return false;
	if ((load16(ip + 6) & 0x3fff) != 0)
		return false;
	place->l4_at = (uint16_t)(place->l3_at + header_len);
	place->protocol = ip[9];
	place->is_ipv6 = false;
	return true;
}

static bool ipv6_find(const uint8_t *frame, size_t len, struct l4_place *place)
{
	const uint8_t *ip = frame + place->l3_at;
	if (len < place->l3_at + (size_t)IPV6_LEN || ip[0] >> 4 != 6)
		return false;
	uint8_t next = ip[6];
	size_t at = place->l3_at + IPV6_LEN;
	while (next == IPV6_HOP_BY_HOP || next == IPV6_ROUTING || next == IPV6_DESTINATION) {
		if (at + 8 > len || at > SEGMENT_HEADER_MAX)
			return false;
		next = frame[at];
		at += (frame[at + 1] + 1u) * 8u;
	}
	if (at > len || at > SEGMENT_HEADER_MAX)
		return false;
	place->l4_at = (uint16_t)at;
	place->protocol = next;
	place->is_ipv6 = true;
	return true;
}

bool l4_find(const uint8_t *frame, size_t len, struct l4_place *place)
{
	if (len < ETHERNET_LEN)
		return false;
	uint16_t type = load16(frame + 12);
	uint16_t at = ETHERNET_LEN;
	for (int tag = 0; tag < 2; tag++) {
		if (type != ETHERTYPE_VLAN && type != ETHERTYPE_SERVICE_VLAN)
			break;
		if (len < at + (size_t)VLAN_TAG_LEN)
			return false;
		type = load16(frame + at + 2);
		at += VLAN_TAG_LEN;
	}
	place->l3_at = at;
	bool found = (type == ETHERTYPE_IPV4 && ipv4_find(frame, len, place)) ||
		     (type == ETHERTYPE_IPV6 && ipv6_find(frame, len, place));
	return found && (place->protocol == PROTOCOL_TCP || place->protocol == PROTOCOL_UDP);
}

static uint32_t l4_header_len(const uint8_t *frame, size_t len, const struct l4_place *place)
{
	if (place->protocol == PROTOCOL_UDP)
		return len < place->l4_at + (size_t)UDP_LEN ? 0 : UDP_LEN;
	if (len < place->l4_at + (size_t)TCP_LEN)
		return 0;
	uint32_t header_len = (frame[place->l4_at + 12] >> 4) * 4u;
	return header_len < TCP_LEN ? 0 : header_len;
}

static bool type_matches(uint8_t gso_type, const struct l4_place *place)
{
	switch (gso_type & ~VNET_GSO_ECN) {
	case VNET_GSO_TCPV4:
		return place->protocol == PROTOCOL_TCP && !place->is_ipv6;
	case VNET_GSO_TCPV6:
		return place->protocol == PROTOCOL_TCP && place->is_ipv6;
	case VNET_GSO_UDP_L4:
		return place->protocol == PROTOCOL_UDP;
	default:
		return false;
	}
}

enum offload segmenter_open(struct segmenter *segmenter, const uint8_t *frame, size_t len,
			    const struct vnet_header *vnet)
{
	if (vnet->gso_type == VNET_GSO_NONE)
		return OFFLOAD_NONE;
	struct l4_place *place = &segmenter->place;
	if (!l4_find(frame, len, place) || !type_matches(vnet->gso_type, place))
		return OFFLOAD_INVALID;
	const uint8_t *ip = frame + place->l3_at;
	uint32_t ip_len = place->is_ipv6 ? IPV6_LEN + (uint32_t)load16(ip + 4) : load16(ip + 2);
	uint32_t l4_len = l4_header_len(frame, len, place);
	uint32_t header_len = place->l4_at + l4_len;
	if (l4_len == 0 || header_len >= len || header_len > SEGMENT_HEADER_MAX ||
	    place->l3_at + ip_len != len || vnet->gso_size == 0)
		return OFFLOAD_INVALID;
	segmenter->frame = frame;
	segmenter->header_len = header_len;
	segmenter->payload_len = (uint32_t)len - header_len;
	segmenter->segment_len = vnet->gso_size;
	segmenter->count = (segmenter->payload_len + vnet->gso_size - 1) / vnet->gso_size;
	if (segmenter->count > SEGMENTS_MAX)
		return OFFLOAD_INVALID;
	segmenter->addresses_sum =
		checksum_add(0, ip + (place->is_ipv6 ? 8 : 12), place->is_ipv6 ? 32 : 8);
	return OFFLOAD_SEGMENT;
}

static void ip_write(const struct segmenter *segmenter, uint32_t index, uint8_t *header,
		     uint32_t l4_len)
{
	const struct l4_place *place = &segmenter->place;
	uint8_t *ip = header + place->l3_at;
	if (place->is_ipv6) {
		store16(ip + 4, (uint16_t)(place->l4_at - place->l3_at - IPV6_LEN + l4_len));
		return;
	}
	uint32_t ip_header_len = place->l4_at - (uint32_t)place->l3_at;
	store16(ip + 2, (uint16_t)(ip_header_len + l4_len));
	store16(ip + 4, (uint16_t)(load16(ip + 4) + index));
	store16(ip + 10, 0);
	checksum_store(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, ip_header_len)));
}

void segmenter_write(const struct segmenter *segmenter, uint32_t index, uint8_t *header,
		     struct iovec *payload)
{
	const struct l4_place *place = &segmenter->place;
	uint32_t offset = index * segmenter->segment_len;
	bool is_last = index + 1 == segmenter->count;
	payload->iov_base = (void *)(segmenter->frame + segmenter->header_len + offset);
	payload->iov_len = is_last ? segmenter->payload_len - offset : segmenter->segment_len;
	memcpy(header, segmenter->frame, segmenter->header_len);

	uint8_t *l4 = header + place->l4_at;
	uint32_t l4_header = segmenter->header_len - place->l4_at;
	uint32_t l4_len = l4_header + (uint32_t)payload->iov_len;
	ip_write(segmenter, index, header, l4_len);
	bool is_tcp = place->protocol == PROTOCOL_TCP;
	uint8_t *csum = l4 + (is_tcp ? TCP_CSUM_AT : UDP_CSUM_AT);
	if (is_tcp) {
		store32(l4 + 4, load32(l4 + 4) + offset);
		if (!is_last)
			l4[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
		if (index > 0)
			l4[13] &= (uint8_t)~TCP_CWR;
	} else {
		store16(l4 + 4, (uint16_t)l4_len);
	}
	store16(csum, 0);
	uint32_t sum = segmenter->addresses_sum + checksum_word(place->protocol) +
		       checksum_word((uint16_t)l4_len);
	sum = checksum_add(sum, l4, l4_header);
	sum = checksum_add(sum, payload->iov_base, payload->iov_len);
	uint16_t folded = (uint16_t)~checksum_fold(sum);
	checksum_store(csum, folded == 0 && !is_tcp ? 0xffff : folded);
}

bool checksum_complete(uint8_t *frame, size_t len, struct vnet_header *vnet)
{
	if ((vnet->flags & VNET_NEEDS_CSUM) == 0)
		return true;
	size_t start = vnet->csum_start;
	size_t field = start + vnet->csum_offset;
	if (start < ETHERNET_LEN || field + 2 > len)
		return false;
	uint16_t folded = (uint16_t)~checksum_fold(checksum_add(0, frame + start, len - start));
	/* RFC 768: a UDP checksum of zero would mean "none"; only UDP has its field at 6. */
	checksum_store(frame + field, folded == 0 && vnet->csum_offset == UDP_CSUM_AT ? 0xffff : folded);
	vnet->flags &= (uint8_t)~VNET_NEEDS_CSUM;
	return true;
}
