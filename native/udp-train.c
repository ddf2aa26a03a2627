/* Trains of UDP datagrams: see udp-train.h. What may join is what coalesce.c would join. */
#include "udp-train.h"

#include "checksum.h"

#define IPV4_DF 0x4000

/* Has the datagram a checksum that is partial, or known to be right? RFC 768: zero is none. */
static bool is_summed(const struct outgoing *frame, const struct vnet_header *vnet, int l4_at)
{
	if ((vnet->flags & VNET_NEEDS_CSUM) != 0)
		return vnet->csum_offset == UDP_CSUM_AT && vnet->csum_start == l4_at;
	return (vnet->flags & VNET_DATA_VALID) != 0 && load16(frame->frame + l4_at + UDP_CSUM_AT) != 0;
}

/* Datagram without segmentation, without IP options, all lengths agreeing. */
static bool datagram_open(const struct outgoing *frame, struct l4_place *place)
{
	struct vnet_header vnet;
	memcpy(&vnet, frame->vnet, sizeof vnet);
	if (vnet.gso_type != VNET_GSO_NONE || !l4_find(frame->frame, frame->len, place) ||
	    place->protocol != PROTOCOL_UDP || frame->len <= place->l4_at + (uint32_t)UDP_LEN ||
	    !is_summed(frame, &vnet, place->l4_at))
		return false;
	const uint8_t *ip = frame->frame + place->l3_at;
	uint32_t l4_len = frame->len - place->l4_at;
	uint32_t ip_len = place->is_ipv6 ? load16(ip + 4) : load16(ip + 2) - (uint32_t)IPV4_LEN;
	uint32_t header_len = place->is_ipv6 ? IPV6_LEN : IPV4_LEN;
	return place->l4_at - place->l3_at == (int)header_len && ip_len == l4_len &&
	       load16(ip + header_len + 4) == l4_len;
}

/* Same flow, same lengths or a shorter last: `index` datagrams after the first. */
static bool datagram_follows(const struct outgoing *first, const struct outgoing *frame,
			     const struct l4_place *place, uint32_t index)
{
	struct l4_place other;
	if (frame->len > first->len || !datagram_open(frame, &other) ||
	    other.l4_at != place->l4_at || other.is_ipv6 != place->is_ipv6 ||
	    memcmp(first->frame, frame->frame, place->l3_at) != 0 ||
	    memcmp(first->frame + place->l4_at, frame->frame + place->l4_at, 4) != 0)
		return false;
	const uint8_t *a = first->frame + place->l3_at, *b = frame->frame + place->l3_at;
	if (place->is_ipv6)
		return memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, IPV6_LEN - 6) == 0;
	bool is_id_free = (load16(a + 6) & IPV4_DF) != 0;
	return memcmp(a, b, 2) == 0 && memcmp(a + 6, b + 6, 4) == 0 && memcmp(a + 12, b + 12, 8) == 0 &&
	       (is_id_free || load16(b + 4) == (uint16_t)(load16(a + 4) + index));
}

static void header_write(struct udp_train *train, const struct outgoing *first,
			 const struct l4_place *place, uint32_t payload_len)
{
	uint32_t header_len = place->l4_at + (uint32_t)UDP_LEN;
	uint16_t l4_len = (uint16_t)(UDP_LEN + payload_len);
	struct vnet_header vnet = {
		.flags = VNET_NEEDS_CSUM,
		.gso_type = VNET_GSO_UDP_L4,
		.hdr_len = (uint16_t)header_len,
		.gso_size = (uint16_t)(first->len - header_len),
		.csum_start = place->l4_at,
		.csum_offset = UDP_CSUM_AT,
	};
	memcpy(train->header, &vnet, sizeof vnet);
	uint8_t *frame = train->header + VNET_HEADER_LEN;
	memcpy(frame, first->frame, header_len);
	uint8_t *ip = frame + place->l3_at, *udp = frame + place->l4_at;
	if (place->is_ipv6) {
		store16(ip + 4, l4_len);
	} else {
		store16(ip + 2, (uint16_t)(IPV4_LEN + l4_len));
		store16(ip + 10, 0);
		checksum_store(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, IPV4_LEN)));
	}
	store16(udp + 4, l4_len);
	uint32_t pseudo = checksum_pseudo(ip + (place->is_ipv6 ? 8 : 12), place->is_ipv6 ? 32 : 8,
					  PROTOCOL_UDP, l4_len);
	checksum_store(udp + UDP_CSUM_AT, checksum_fold(pseudo));
	train->parts[0] = (struct iovec){train->header, VNET_HEADER_LEN + header_len};
}

void udp_train_open(struct udp_train *train, const struct outgoing *frames, uint32_t frame_count)
{
	struct l4_place place;
	train->count = 0;
	if (frame_count < 2 || !datagram_open(&frames[0], &place))
		return;
	uint32_t header_len = place.l4_at + (uint32_t)UDP_LEN;
	uint32_t payload_len = 0, count = 0;
	do {
		const struct outgoing *frame = &frames[count];
		uint32_t len = frame->len - header_len;
		if (payload_len + len > UINT16_MAX - IPV6_LEN - UDP_LEN)
			break;
		count++;
		payload_len += len;
		train->parts[count] = (struct iovec){frame->frame + header_len, len};
		if (frame->len < frames[0].len)
			break;
	} while (count < frame_count && count < UDP_TRAIN_MAX &&
		 datagram_follows(&frames[0], &frames[count], &place, count));
	if (count < 2)
		return;
	train->count = count;
	header_write(train, &frames[0], &place, payload_len);
}
