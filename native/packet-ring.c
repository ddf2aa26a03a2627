/*
 * The receive ring of a packet socket: see packet-ring.h. The kernel fills slots in order and gives them up by tp_status; what is written back
 * to it hands the slot over again (Documentation/networking/packet_mmap.rst).
 */
#include "packet-ring.h"

#include <stdlib.h>
#include <sys/mman.h>

/* Of one allocation of the kernel's: as much as it gives in one piece readily. */
#define BLOCK_BYTES (64 * 1024)

static bool option(int fd, int name, const void *value, socklen_t len)
{
	return setsockopt(fd, SOL_PACKET, name, value, len) == 0;
}

static bool ring_request(int fd)
{
	int version = TPACKET_V2, reserve = HEADROOM, copies = 1;
	struct tpacket_req request = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = RING_BYTES / BLOCK_BYTES,
		.tp_frame_size = RING_SLOT_BYTES,
		.tp_frame_nr = RING_SLOTS,
	};
	return option(fd, PACKET_VERSION, &version, sizeof version) &&
	       option(fd, PACKET_RESERVE, &reserve, sizeof reserve) &&
	       option(fd, PACKET_COPY_THRESH, &copies, sizeof copies) &&
	       option(fd, PACKET_RX_RING, &request, sizeof request);
}

/* Back to memory that nobody uses: the arena has no holes. */
static void place_clear(uint8_t *place)
{
	mmap(place, RING_BYTES, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

struct packet_ring *packet_ring_open(struct burst *burst, int fd)
{
	uint32_t place = 0;
	while (place < RINGS_MAX && burst->rings[place] != NULL)
		place++;
	if (place == RINGS_MAX)
		return NULL;
	struct packet_ring *ring = calloc(1, sizeof *ring);
	if (ring == NULL || !ring_request(fd)) {
		free(ring);
		return NULL;
	}
	ring->place = place;
	ring->slots = burst->arena + burst->rings_at + (size_t)place * RING_BYTES;
	if (mmap(ring->slots, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	    MAP_FAILED) {
		struct tpacket_req none = {0};
		option(fd, PACKET_RX_RING, &none, sizeof none);
		place_clear(ring->slots);
		free(ring);
		return NULL;
	}
	burst->rings[place] = ring;
	return ring;
}

void packet_ring_close(struct burst *burst, struct packet_ring *ring)
{
	place_clear(ring->slots);
	burst->rings[ring->place] = NULL;
	free(ring);
}

static struct tpacket2_hdr *slot_at(const struct packet_ring *ring, uint32_t number)
{
	return (struct tpacket2_hdr *)(ring->slots + (size_t)(number % RING_SLOTS) * RING_SLOT_BYTES);
}

void packet_ring_release(struct packet_ring *ring)
{
	for (; ring->held > 0; ring->held--)
		__atomic_store_n(&slot_at(ring, ring->next - ring->held)->tp_status, TP_STATUS_KERNEL,
				 __ATOMIC_RELEASE);
}

struct tpacket2_hdr *packet_ring_slot(const struct packet_ring *ring)
{
	return slot_at(ring, ring->next);
}

uint32_t packet_ring_status(const struct tpacket2_hdr *slot)
{
	return __atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE);
}

void packet_ring_advance(struct packet_ring *ring)
{
	ring->next++;
	ring->held++;
}

uint32_t packet_ring_lost(struct packet_ring *ring, int fd)
{
	struct tpacket_stats counted = {0};
	socklen_t len = sizeof counted;
	/* Reading begins the count anew. */
	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &counted, &len) == 0)
		ring->lost += counted.tp_drops;
	return ring->lost;
}
