/*
 * Unaligned big-endian loads and stores, and the virtio_net_hdr (virtio 1.2 §5.1.6, 10-byte form, host order).
 * Used by everything here that looks into a frame.
 */
#ifndef WEFT_BYTES_H
#define WEFT_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t load16(const uint8_t *at)
{
	uint16_t value;
	memcpy(&value, at, sizeof value);
	return __builtin_bswap16(value);
}

static inline uint32_t load32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return __builtin_bswap32(value);
}

static inline void store16(uint8_t *at, uint16_t value)
{
	value = __builtin_bswap16(value);
	memcpy(at, &value, sizeof value);
}

static inline void store32(uint8_t *at, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(at, &value, sizeof value);
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Weft's addon is written for little-endian hosts"
#endif

#define VNET_HEADER_LEN 10

#define VNET_NEEDS_CSUM 1
#define VNET_DATA_VALID 2

#define VNET_GSO_NONE 0
#define VNET_GSO_TCPV4 1
#define VNET_GSO_TCPV6 4
#define VNET_GSO_UDP_L4 5
#define VNET_GSO_ECN 0x80

struct vnet_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};
_Static_assert(sizeof(struct vnet_header) == VNET_HEADER_LEN, "virtio_net_hdr has no padding");

#define ETHERNET_LEN 14
#define VLAN_TAG_LEN 4
#define IPV4_LEN 20
#define IPV6_LEN 40
#define TCP_LEN 20
#define UDP_LEN 8
#define VXLAN_LEN 8

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_SERVICE_VLAN 0x88a8

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17

#define TCP_CSUM_AT 16
#define UDP_CSUM_AT 6

#endif
