/*
 * Receiving on an uplink: recvmmsg with UDP_GRO fills a few 64 KiB buffers with trains of datagrams, and each train is handed out as
 * frames, runs of segments joined again to super-frames (coalesce.h).
 *
 * A frame is handed out where it lies if it has its headroom there (the first of a train, or one after a joined run), else in a slot
 * of its own. What does not fit a burst waits in its train for the next exchange.
 */
#include "uplink.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "coalesce.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* Trains fetched with one recvmmsg: as many bytes as a burst may have. */
#define FETCH_MAX 4

union gro_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* IPv4 as ::ffff:a.b.c.d. */
static void source_words(const struct sockaddr_storage *from, uint32_t words[4])
{
	if (from->ss_family == AF_INET) {
		words[0] = words[1] = 0;
		words[2] = 0xffff;
		words[3] = ntohl(((const struct sockaddr_in *)from)->sin_addr.s_addr);
		return;
	}
	const uint8_t *bytes = ((const struct sockaddr_in6 *)from)->sin6_addr.s6_addr;
	for (int word = 0; word < 4; word++)
		words[word] = load32(bytes + word * 4);
}

/* Size of the train's datagrams; the whole length if it is a single one. */
static uint32_t segment_len(struct msghdr *message, uint32_t len)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			int size;
			memcpy(&size, CMSG_DATA(c), sizeof size);
			return size > 0 && (uint32_t)size < len ? (uint32_t)size : len;
		}
	}
	return len;
}

/* Fills free train buffers; false if there was nothing. */
static bool trains_fetch(struct burst *burst, struct port *port)
{
	struct uplink *uplink = port->state;
	struct mmsghdr headers[FETCH_MAX] = {0};
	struct sockaddr_storage sources[FETCH_MAX];
	union gro_control controls[FETCH_MAX];
	struct iovec parts[FETCH_MAX];
	uint32_t free_count = TRAIN_SLOTS - uplink->train_count;
	uint32_t count = free_count < FETCH_MAX ? free_count : FETCH_MAX;
	uint8_t *slots = burst->arena + burst->trains_at +
			 ((size_t)uplink->slot * TRAIN_SLOTS + uplink->train_count) * SLOT_BYTES;
	for (uint32_t index = 0; index < count; index++) {
		parts[index] = (struct iovec){slots + index * SLOT_BYTES + HEADROOM, FRAME_BYTES_MAX};
		headers[index].msg_hdr = (struct msghdr){
			.msg_name = &sources[index],
			.msg_namelen = sizeof sources[index],
			.msg_iov = &parts[index],
			.msg_iovlen = 1,
			.msg_control = &controls[index],
			.msg_controllen = sizeof controls[index],
		};
	}
	int fetched = recvmmsg(port->fd, headers, count, MSG_DONTWAIT, NULL);
	for (int index = 0; index < fetched; index++) {
		struct train *train = &uplink->trains[uplink->train_count++];
		uint32_t len = headers[index].msg_len;
		*train = (struct train){.at = parts[index].iov_base, .end = len, .gap = HEADROOM};
		train->segment_len = segment_len(&headers[index].msg_hdr, len);
		source_words(&sources[index], train->source);
	}
	port->is_drained = fetched < (int)count;
	return fetched > 0;
}

/* One frame from the front of the train. */
static void train_take(struct burst *burst, struct port *port, struct train *train)
{
	uint8_t *at = train->at + train->next;
	uint32_t left = train->end - train->next;
	struct run run = {.len = left, .consumed = left};
	if (port->has_offload)
		coalesce_run(at, left, train->segment_len, port->has_uso, &run);
	else if (train->segment_len < left)
		run.len = run.consumed = train->segment_len;
	if (train->gap < HEADROOM) {
		uint8_t *slot = burst_slot(burst, burst->rx_count) + HEADROOM;
		memcpy(slot, at, run.len);
		train->gap += run.consumed;
		at = slot;
	} else {
		train->gap = run.consumed - run.len;
	}
	train->next += run.consumed;
	memcpy(at - VNET_HEADER_LEN, &run.vnet, VNET_HEADER_LEN);
	uint32_t *descriptor = burst_received(burst, port, at - VNET_HEADER_LEN, at, run.len);
	memcpy(descriptor + RX_SOURCE, train->source, sizeof train->source);
}

uint32_t uplink_receive(struct burst *burst, struct port *port, uint32_t count)
{
	struct uplink *uplink = port->state;
	uint32_t received = 0;
	bool is_new_round = uplink->round != burst->round;
	uplink->round = burst->round;
	if (is_new_round && uplink->train_next == uplink->train_count)
		uplink->train_next = uplink->train_count = 0;
	while (received < count) {
		if (uplink->train_next == uplink->train_count) {
			bool may_fetch = burst->rx_bytes < BURST_BYTES_MAX &&
					 uplink->train_count < TRAIN_SLOTS && !port->is_drained;
			if (!may_fetch || !trains_fetch(burst, port))
				break;
		}
		struct train *train = &uplink->trains[uplink->train_next];
		train_take(burst, port, train);
		received++;
		if (train->next >= train->end)
			uplink->train_next++;
	}
	if (uplink->train_next < uplink->train_count)
		port->is_drained = false;
	return received;
}
