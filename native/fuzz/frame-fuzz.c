/*
 * Hostile frames against the code that looks into them: coalesce.c, segment.c, udp-train.c, under address and undefined-behaviour
 * checks. `make sanitize` builds and runs it; RUNS=n random mutations (default 200000), SEED=n repeats a run.
 *
 * Every buffer is a heap block of exactly the frame's size, so that one byte read or written beyond it is found. First all truncations
 * and all changes of one byte of valid trains, then random damage. What must always hold is asserted: something is consumed, nothing
 * grows, segments stay within their frame.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../checksum.h"
#include "../coalesce.h"
#include "../segment.h"
#include "../udp-train.h"

#define SEGMENTS 4
#define PAYLOAD 90
#define TRAIN_MAX 4096

static uint32_t random_state;

static uint32_t random_next(void)
{
	random_state = random_state * 1103515245u + 12345u;
	return random_state >> 8;
}

struct shape {
	bool is_ipv6;
	bool is_tcp;
	uint32_t vlan_tags;
	uint32_t options_len;
};

static const struct shape shapes[] = {
	{false, true, 0, 12}, {true, true, 0, 12}, {false, false, 0, 0},
	{true, false, 0, 0},  {false, true, 2, 40}, {false, false, 1, 0},
};
#define SHAPES (sizeof shapes / sizeof shapes[0])

/* A super-frame from its VXLAN header on, checksum partial. Returns its length. */
static uint32_t super_frame(uint8_t *at, const struct shape *shape, struct vnet_header *vnet)
{
	uint32_t l3 = VXLAN_LEN + ETHERNET_LEN + VLAN_TAG_LEN * shape->vlan_tags;
	uint32_t l4 = l3 + (shape->is_ipv6 ? IPV6_LEN : IPV4_LEN);
	uint32_t l4_header = shape->is_tcp ? TCP_LEN + shape->options_len : UDP_LEN;
	uint32_t payload_len = SEGMENTS * PAYLOAD - 5, l4_len = l4_header + payload_len;
	memset(at, 0, l4 + l4_header);
	at[0] = 8;
	store32(at + 4, 100 << 8);
	for (uint32_t tag = 0; tag < shape->vlan_tags; tag++)
		store16(at + VXLAN_LEN + 12 + tag * VLAN_TAG_LEN, ETHERTYPE_VLAN);
	store16(at + l3 - 2, shape->is_ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	if (shape->is_ipv6) {
		at[l3] = 0x60;
		store16(at + l3 + 4, (uint16_t)l4_len);
		at[l3 + 6] = shape->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP;
		at[l3 + 23] = 1;
		at[l3 + 39] = 2;
	} else {
		at[l3] = 0x45;
		store16(at + l3 + 2, (uint16_t)(IPV4_LEN + l4_len));
		at[l3 + 9] = shape->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP;
		store32(at + l3 + 12, 0xc0000201);
		store32(at + l3 + 16, 0xc0000202);
	}
	store32(at + l4, 0x9c401451);
	if (shape->is_tcp) {
		at[l4 + 12] = (uint8_t)(l4_header / 4 << 4);
		at[l4 + 13] = 0x10;
	} else {
		store16(at + l4 + 4, (uint16_t)l4_len);
	}
	for (uint32_t index = 0; index < payload_len; index++)
		at[l4 + l4_header + index] = (uint8_t)(index * 7);
	*vnet = (struct vnet_header){
		.flags = VNET_NEEDS_CSUM,
		.gso_type = !shape->is_tcp   ? VNET_GSO_UDP_L4
			    : shape->is_ipv6 ? VNET_GSO_TCPV6
					     : VNET_GSO_TCPV4,
		.gso_size = PAYLOAD,
		.csum_start = (uint16_t)(l4 - VXLAN_LEN),
		.csum_offset = shape->is_tcp ? TCP_CSUM_AT : UDP_CSUM_AT,
	};
	return l4 + l4_header + payload_len;
}

/* The same as a train of datagrams; returns its length. */
static uint32_t train_build(uint8_t *train, const struct shape *shape, uint32_t *segment_len)
{
	uint8_t frame[TRAIN_MAX];
	struct vnet_header vnet;
	struct segmenter segmenter;
	struct iovec payload;
	uint32_t len = super_frame(frame, shape, &vnet), at = 0;
	enum offload offload = segmenter_open(&segmenter, frame + VXLAN_LEN, len - VXLAN_LEN, &vnet);
	assert(offload == OFFLOAD_SEGMENT);
	*segment_len = VXLAN_LEN + segmenter.header_len + PAYLOAD;
	for (uint32_t index = 0; index < segmenter.count; index++) {
		memcpy(train + at, frame, VXLAN_LEN);
		segmenter_write(&segmenter, index, train + at + VXLAN_LEN, &payload);
		at += VXLAN_LEN + segmenter.header_len;
		memcpy(train + at, payload.iov_base, payload.iov_len);
		at += (uint32_t)payload.iov_len;
	}
	return at;
}

/* Cuts a frame as an uplink would; a block of its exact size must hold all that is read. */
static void segment_try(const uint8_t *frame, uint32_t len, struct vnet_header vnet)
{
	uint8_t *block = malloc(len > 0 ? len : 1), header[SEGMENT_HEADER_MAX];
	struct segmenter segmenter;
	struct iovec payload;
	memcpy(block, frame, len);
	switch (segmenter_open(&segmenter, block, len, &vnet)) {
	case OFFLOAD_SEGMENT:
		assert(segmenter.count >= 1 && segmenter.count <= SEGMENTS_MAX);
		for (uint32_t index = 0; index < segmenter.count; index++) {
			segmenter_write(&segmenter, index, header, &payload);
			assert((uint8_t *)payload.iov_base >= block);
			assert((uint8_t *)payload.iov_base + payload.iov_len <= block + len);
			assert(payload.iov_len >= 1);
		}
		break;
	case OFFLOAD_NONE:
		checksum_complete(block, len, &vnet);
		break;
	case OFFLOAD_INVALID:
		break;
	}
	free(block);
}

/* Takes a train apart as an uplink would, then cuts what came out. */
static uint32_t coalesce_try(const uint8_t *bytes, uint32_t len, uint32_t segment_len)
{
	uint8_t *train = malloc(len > 0 ? len : 1);
	uint32_t frames = 0;
	struct run run;
	memcpy(train, bytes, len);
	for (uint32_t at = 0; at < len; at += run.consumed) {
		coalesce_run(train + at, len - at, segment_len, true, &run);
		assert(run.consumed > 0 && run.consumed <= len - at && run.len <= run.consumed);
		if (run.len >= VXLAN_LEN)
			segment_try(train + at + VXLAN_LEN, run.len - VXLAN_LEN, run.vnet);
		frames++;
	}
	free(train);
	return frames;
}

/* Two datagrams with partial checksums, each in a block of its own, the second damaged. */
static void udp_train_try(const uint8_t *frame, uint32_t len, struct vnet_header vnet, uint32_t at,
			  uint8_t value)
{
	struct udp_train train;
	struct vnet_header headers[2] = {vnet, vnet};
	uint8_t *blocks[2] = {malloc(len), malloc(len)};
	struct outgoing frames[2];
	for (int index = 0; index < 2; index++) {
		memcpy(blocks[index], frame, len);
		frames[index] = (struct outgoing){blocks[index], len, &headers[index], NULL};
	}
	blocks[1][at] = value;
	udp_train_open(&train, frames, 2);
	assert(train.count == 0 || train.count == 2);
	free(blocks[0]);
	free(blocks[1]);
}

static void all_truncations_and_single_bytes(const struct shape *shape)
{
	static const uint8_t values[] = {0, 1, 0x0f, 0x45, 0x50, 0x7f, 0x80, 0xff};
	uint8_t train[TRAIN_MAX], damaged[TRAIN_MAX];
	uint32_t segment_len, len = train_build(train, shape, &segment_len);
	assert(coalesce_try(train, len, segment_len) == 1);
	for (uint32_t cut = 0; cut <= len; cut++) {
		coalesce_try(train, cut, segment_len);
		if (cut > 0)
			coalesce_try(train, len, cut);
	}
	for (uint32_t at = 0; at < len; at++) {
		for (size_t value = 0; value < sizeof values; value++) {
			memcpy(damaged, train, len);
			damaged[at] = values[value];
			coalesce_try(damaged, len, segment_len);
		}
	}
	struct vnet_header vnet, lie;
	uint8_t frame[TRAIN_MAX];
	len = super_frame(frame, shape, &vnet) - VXLAN_LEN;
	for (uint32_t cut = 0; cut <= len; cut++)
		segment_try(frame + VXLAN_LEN, cut, vnet);
	for (size_t at = 0; at < sizeof vnet; at++) {
		for (int value = 0; value < 256; value++) {
			lie = vnet;
			((uint8_t *)&lie)[at] = (uint8_t)value;
			segment_try(frame + VXLAN_LEN, len, lie);
		}
	}
	vnet.gso_type = VNET_GSO_NONE;
	for (uint32_t at = 0; at < len; at++)
		for (size_t value = 0; value < sizeof values; value++)
			udp_train_try(frame + VXLAN_LEN, len, vnet, at, values[value]);
}

static void random_damage(uint32_t runs)
{
	uint8_t train[TRAIN_MAX];
	for (uint32_t run = 0; run < runs; run++) {
		const struct shape *shape = &shapes[random_next() % SHAPES];
		uint32_t segment_len, len = train_build(train, shape, &segment_len);
		for (uint32_t count = random_next() % 6; count > 0; count--) {
			uint32_t at = random_next() % (random_next() % 2 ? len : 80);
			train[at] = (uint8_t)random_next();
		}
		if (random_next() % 4 == 0)
			len = random_next() % (len + 1);
		if (random_next() % 8 == 0)
			segment_len = 1 + random_next() % (len + 1);
		coalesce_try(train, len, segment_len);

		struct vnet_header vnet;
		len = super_frame(train, shape, &vnet) - VXLAN_LEN;
		for (uint32_t count = random_next() % 4; count > 0; count--) {
			train[random_next() % 90] = (uint8_t)random_next();
			((uint8_t *)&vnet)[random_next() % sizeof vnet] = (uint8_t)random_next();
		}
		segment_try(train + VXLAN_LEN, len, vnet);
	}
}

int main(void)
{
	const char *runs = getenv("RUNS"), *seed = getenv("SEED");
	random_state = seed != NULL ? (uint32_t)strtoul(seed, NULL, 10) : 1;
	printf("SEED=%u\n", random_state);
	for (size_t shape = 0; shape < SHAPES; shape++)
		all_truncations_and_single_bytes(&shapes[shape]);
	random_damage(runs != NULL ? (uint32_t)strtoul(runs, NULL, 10) : 200000);
	printf("no fault found\n");
	return 0;
}
