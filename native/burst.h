/*
 * The burst engine: ports, one epoll set, one arena that JavaScript sees as an external ArrayBuffer. dataplane/port/frame-io.ts is
 * the specification of what `exchange` does and of the descriptors; the numbers here repeat it and are compared when the addon loads.
 *
 *   arena: [rx descriptors][tx descriptors][scratch][frame slots × BURST_MAX][train slots × TRAIN_SLOTS × UPLINKS_MAX]
 *          [receive rings × RINGS_MAX]
 *   slot:  [headroom, the virtio_net_hdr in its last 10 bytes | frame]
 *
 * One thread at a time uses a burst; only its eventfd may be written from elsewhere.
 */
#ifndef WEFT_BURST_H
#define WEFT_BURST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "bytes.h"
#include "crowding.h"
#include "shaper.h"

#define BURST_MAX 64
#define HEADROOM 128
#define RX_STRIDE 8
#define TX_STRIDE 8
#define TX_MAX 256
#define PORTS_MAX 4096
#define PEERS_MAX 65536
#define UPLINKS_MAX 4
#define TRAIN_SLOTS 16
#define FRAME_BYTES_MAX 65553
/* Frames the switch makes, and copies of a whole burst of the largest ones. */
#define SCRATCH_BYTES (256 * 1024 + 64 * 65600)
/* A burst ends after so many bytes, so that what was read is still in the cache when it is written. */
#define BURST_BYTES_MAX (256 * 1024)
/* Not a multiple of the page size, so that the slots' first bytes fall into different cache sets. */
#define SLOT_BYTES (64 * 1024 + 192 + 64)
_Static_assert(HEADROOM + VXLAN_LEN + FRAME_BYTES_MAX <= SLOT_BYTES, "a slot holds the largest frame");

/* Packet sockets with a receive ring (packet-ring.h); further ones receive by system calls. */
#define RINGS_MAX 4
/* A frame of an interface with 1500 bytes, and 8 ms of them, 64 bytes long, at a million a second. */
#define RING_SLOT_BYTES 2048
#define RING_SLOTS 8192
#define RING_BYTES (RING_SLOTS * RING_SLOT_BYTES)

enum { RX_PORT, RX_AT, RX_END, RX_VNET, RX_SOURCE };
enum { TX_PORT, TX_AT, TX_END, TX_VNET, TX_PEER, TX_VNI, TX_HASH };

enum transmit_drop { DROP_QUEUE_FULL, DROP_FAILED, DROP_OFFLOAD_INVALID, TRANSMIT_DROPS };

struct burst;
struct port;

/* A frame to be sent: pointers into the arena, bounds checked. */
struct outgoing {
	uint8_t *frame;
	uint32_t len;
	struct vnet_header *vnet; /* unaligned: copy before use */
	const uint32_t *descriptor;
};

struct port_kind {
	/*
	 * Receives at most `count` frames as descriptors and returns how many; sets port->is_drained when there is no more for now.
	 */
	uint32_t (*receive)(struct burst *burst, struct port *port, uint32_t count);
	/* Sends `count` frames in order, or queues them until flush. */
	void (*transmit)(struct burst *burst, struct port *port, const struct outgoing *frames,
			 uint32_t count);
	/* Frames lost because they were not received in time. NULL: not known. */
	uint32_t (*receive_drops)(const struct port *port);
	/* May be NULL. */
	void (*flush)(struct burst *burst, struct port *port);
	void (*close)(struct port *port);
};

struct port {
	const struct port_kind *kind;
	uint32_t index;
	int fd;		  /* the descriptor in the epoll set; owned */
	bool has_offload; /* the far end takes super-frames and partial checksums */
	bool has_uso;	  /* … of UDP too */
	bool is_gone;
	bool is_hot; /* worth reading without asking epoll */
	bool is_drained;
	uint64_t drops[TRANSMIT_DROPS];
	void *state; /* of the kind */
	struct shaper *shaper;	  /* NULL: no limits */
	uint64_t dropped_waiting; /* frames a former shaper had no room for */
};

struct peer {
	struct sockaddr_storage address;
	socklen_t len; /* 0: never set */
};

struct burst {
	uint8_t *arena;
	size_t arena_bytes;
	uint32_t *rx;
	uint32_t *tx;
	uint32_t scratch_at;
	uint32_t slots_at;
	uint32_t trains_at;
	uint32_t rings_at;
	int epoll_fd;
	int wake_fd;
	bool was_woken;
	uint32_t rx_count;
	uint32_t rx_bytes;
	uint32_t round; /* exchanges so far */
	struct port *ports[PORTS_MAX];
	uint32_t next_port;
	uint32_t hot[PORTS_MAX];
	uint32_t hot_count;
	struct port *uplinks[UPLINKS_MAX];
	struct packet_ring *rings[RINGS_MAX];
	struct peer *peers;
	struct crowding crowding;
	struct link link;
};

/* NULL with errno on failure. */
struct burst *burst_open(void);
/* Closes all descriptors. The arena stays: burst_unmap it when no ArrayBuffer shows it any more. */
void burst_close(struct burst *burst);
void burst_unmap(uint8_t *arena, size_t arena_bytes);

/* Takes over `fd` and `state` if it succeeds; index of the port, or −1 with errno. */
int burst_attach(struct burst *burst, const struct port_kind *kind, int fd, bool has_offload,
		 bool has_uso, void *state);
bool burst_detach(struct burst *burst, uint32_t index);
/* NULL if no such port. */
struct port *burst_port(struct burst *burst, uint32_t index);
/* Frames the port's socket had no room for since it was opened; a TAP's queue is counted by its interface, as tx_dropped. */
uint32_t burst_receive_drops(const struct port *port);
/* … that a socket counts. */
uint32_t burst_socket_drops(int fd);
/* False if `peer` is out of range. */
bool burst_set_peer(struct burst *burst, uint32_t peer, const struct sockaddr *address, socklen_t len);

/* Frames received, or −1 if a transmit descriptor points outside the arena (nothing after it was sent). */
int burst_exchange(struct burst *burst, uint32_t tx_count, int timeout_ms);

/* Of all ports with a weight together; 0: no limit, and nobody waits for anybody. */
void burst_set_link(struct burst *burst, double bytes_per_sec);

/* For shaper.c: a hot port is read without asking epoll. */
void burst_heat(struct burst *burst, struct port *port);
void burst_cool(struct burst *burst, struct port *port);
static inline bool burst_shares_link(const struct burst *burst, const struct port *port)
{
	return burst->link.bucket.ns_per_byte > 0 && port->shaper != NULL && port->shaper->weight > 0;
}

/* For port kinds. */
static inline uint8_t *burst_slot(struct burst *burst, uint32_t index)
{
	return burst->arena + burst->slots_at + (size_t)index * SLOT_BYTES;
}

/* Appends a receive descriptor; `vnet`, `at` and `end` lie in the arena. Returns it, so that SOURCE can be filled in. */
uint32_t *burst_received(struct burst *burst, const struct port *port, const uint8_t *vnet,
			 const uint8_t *at, uint32_t len);
/* The device is gone: no more epoll events, isGone() is true. */
void burst_lost_device(struct burst *burst, struct port *port);

#endif
