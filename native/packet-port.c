/*
 * AF_PACKET ports with PACKET_VNET_HDR on an existing interface: sendmmsg out, a ring in (packet-ring.h) or else recvmmsg. The kernel takes a VLAN tag out of what it
 * receives and gives it apart; it is put back, since the switch sees frames as they travel. What the interface cannot do
 * (segmentation, checksums) the kernel does on the way out.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <unistd.h>

#include "packet-ring.h"
#include "ports.h"
#include "udp-train.h"

/* What the kernel has taken out of a frame. */
struct vlan_tag {
	bool is_there;
	uint16_t type;
	uint16_t tci;
};

/* The tag comes behind the addresses, bytes 0 … 11. */
static uint8_t *vlan_insert(uint8_t *at, const struct vlan_tag *tag)
{
	struct vnet_header vnet;
	memcpy(&vnet, at - VNET_HEADER_LEN, sizeof vnet);
	memmove(at - VLAN_TAG_LEN, at, 12);
	store16(at + 8, tag->type);
	store16(at + 10, tag->tci);
	at -= VLAN_TAG_LEN;
	vnet.csum_start += (vnet.flags & VNET_NEEDS_CSUM) != 0 ? VLAN_TAG_LEN : 0;
	vnet.hdr_len += vnet.hdr_len > 0 ? VLAN_TAG_LEN : 0;
	memcpy(at - VNET_HEADER_LEN, &vnet, sizeof vnet);
	return at;
}

static struct vlan_tag tag_of(struct msghdr *message)
{
	struct vlan_tag tag = {0};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		const struct tpacket_auxdata *aux = (const struct tpacket_auxdata *)CMSG_DATA(c);
		bool has_type = (aux->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
		tag.is_there = (aux->tp_status & TP_STATUS_VLAN_VALID) != 0;
		tag.type = has_type ? aux->tp_vlan_tpid : ETHERTYPE_VLAN;
		tag.tci = aux->tp_vlan_tci;
	}
	return tag;
}

/* An interface that is down may come back; one that was removed leaves the socket bound to none. */
static bool is_interface_gone(int fd)
{
	struct sockaddr_ll bound;
	socklen_t len = sizeof bound;
	return getsockname(fd, (struct sockaddr *)&bound, &len) < 0 || bound.sll_ifindex <= 0;
}

union auxdata_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

/* Frames fetched with one recvmmsg: a few until it is known that they are small, since a burst's bytes are bounded. */
#define FETCH_FIRST 4
#define FETCH_MAX 32
#define FETCH_FRAME_BYTES 2048

struct packet_state {
	struct burst *burst;
	struct packet_ring *ring; /* NULL: it has none */
	bool may_join;		  /* the kernel takes super-frames of UDP */
};

/* Hands out the frame of `frame_len` bytes at `at`, its virtio_net_hdr before it. */
static void frame_take(struct burst *burst, struct port *port, uint8_t *at, uint32_t frame_len,
		       const struct vlan_tag *tag)
{
	if (tag->is_there && frame_len >= 12 && frame_len <= FRAME_BYTES_MAX - VLAN_TAG_LEN) {
		at = vlan_insert(at, tag);
		frame_len += VLAN_TAG_LEN;
	}
	burst_received(burst, port, at - VNET_HEADER_LEN, at, frame_len);
}

/* An interface that is down, or gone: what the socket reports as an error. */
static void check_interface(struct burst *burst, struct port *port)
{
	if (is_interface_gone(port->fd))
		burst_lost_device(burst, port);
}

/* Fetches up to `wanted` ≤ FETCH_MAX frames from the socket's queue into the next slots; how many, or −1 with errno. */
static int queue_fetch(struct burst *burst, struct port *port, uint32_t wanted)
{
	struct mmsghdr headers[FETCH_MAX];
	struct iovec parts[FETCH_MAX];
	union auxdata_control controls[FETCH_MAX];
	for (uint32_t index = 0; index < wanted; index++) {
		uint8_t *at = burst_slot(burst, burst->rx_count + index) + HEADROOM;
		parts[index] = (struct iovec){at - VNET_HEADER_LEN, VNET_HEADER_LEN + FRAME_BYTES_MAX};
		headers[index].msg_hdr = (struct msghdr){
			.msg_iov = &parts[index],
			.msg_iovlen = 1,
			.msg_control = &controls[index],
			.msg_controllen = sizeof controls[index],
		};
	}
	int fetched;
	do
		fetched = recvmmsg(port->fd, headers, wanted, MSG_DONTWAIT, NULL);
	while (fetched < 0 && errno == EINTR);
	for (int index = 0; index < fetched; index++) {
		struct vlan_tag tag = tag_of(&headers[index].msg_hdr);
		uint32_t len = headers[index].msg_len;
		uint32_t frame_len = len > VNET_HEADER_LEN ? len - VNET_HEADER_LEN : 0;
		frame_take(burst, port, (uint8_t *)parts[index].iov_base + VNET_HEADER_LEN, frame_len, &tag);
	}
	return fetched;
}

static void queue_receive(struct burst *burst, struct port *port, uint32_t count)
{
	uint32_t until = burst->rx_count + count;
	uint32_t fetch = FETCH_FIRST;
	while (burst->rx_count < until && burst->rx_bytes < BURST_BYTES_MAX) {
		uint32_t wanted = until - burst->rx_count < fetch ? until - burst->rx_count : fetch;
		uint32_t bytes_before = burst->rx_bytes;
		int fetched = queue_fetch(burst, port, wanted);
		if (fetched < 0 && errno != EAGAIN)
			check_interface(burst, port);
		if (fetched < (int)wanted) {
			port->is_drained = true;
			break;
		}
		bool is_small = burst->rx_bytes - bytes_before < (uint32_t)fetched * FETCH_FRAME_BYTES;
		fetch = is_small ? FETCH_MAX : FETCH_FIRST;
	}
}

/* The frames of the next slots that are too long for one: they wait in the socket's queue in the same order. */
static void ring_fetch(struct burst *burst, struct port *port, struct packet_ring *ring, uint32_t count)
{
	uint32_t wanted = 0, most = count < FETCH_FIRST ? count : FETCH_FIRST;
	while (wanted < most && (packet_ring_status(packet_ring_slot(ring)) & TP_STATUS_COPY) != 0) {
		packet_ring_advance(ring);
		wanted++;
	}
	int fetched = queue_fetch(burst, port, wanted);
	/* The kernel queues a frame before it fills the slot, so none is missing but by an error of the socket. */
	ring->lost += wanted - (fetched > 0 ? (uint32_t)fetched : 0);
}

static void ring_take(struct burst *burst, struct port *port, struct packet_ring *ring,
		      struct tpacket2_hdr *slot, uint32_t status)
{
	bool has_type = (status & TP_STATUS_VLAN_TPID_VALID) != 0;
	struct vlan_tag tag = {
		.is_there = (status & TP_STATUS_VLAN_VALID) != 0,
		.type = has_type ? slot->tp_vlan_tpid : ETHERTYPE_VLAN,
		.tci = slot->tp_vlan_tci,
	};
	packet_ring_advance(ring);
	/* Cut off, and not in the queue, which was full. */
	if (slot->tp_snaplen < slot->tp_len)
		ring->lost++;
	else
		frame_take(burst, port, (uint8_t *)slot + slot->tp_mac, slot->tp_snaplen, &tag);
}

static void ring_receive(struct burst *burst, struct port *port, struct packet_ring *ring, uint32_t count)
{
	uint32_t first = burst->rx_count, until = first + count;
	while (burst->rx_count < until && burst->rx_bytes < BURST_BYTES_MAX) {
		struct tpacket2_hdr *slot = packet_ring_slot(ring);
		uint32_t status = packet_ring_status(slot);
		if ((status & TP_STATUS_USER) == 0)
			break;
		if ((status & TP_STATUS_COPY) != 0)
			ring_fetch(burst, port, ring, until - burst->rx_count);
		else
			ring_take(burst, port, ring, slot, status);
	}
	/* To look again costs nothing: only a ring that had nothing at all is left for epoll, which also tells of errors. */
	if (burst->rx_count > first || packet_ring_status(packet_ring_slot(ring)) != TP_STATUS_KERNEL)
		return;
	port->is_drained = true;
	int error = 0;
	socklen_t len = sizeof error;
	if (getsockopt(port->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0)
		check_interface(burst, port);
}

static uint32_t packet_receive(struct burst *burst, struct port *port, uint32_t count)
{
	const struct packet_state *state = port->state;
	uint32_t first = burst->rx_count;
	if (state->ring != NULL)
		ring_receive(burst, port, state->ring, count);
	else
		queue_receive(burst, port, count);
	return burst->rx_count - first;
}

static uint32_t packet_receive_drops(const struct port *port)
{
	const struct packet_state *state = port->state;
	return state->ring != NULL ? packet_ring_lost(state->ring, port->fd) : burst_socket_drops(port->fd);
}

static void count_error(struct burst *burst, struct port *port, int error)
{
	if (error == EAGAIN || error == ENOBUFS || error == ENOMEM) {
		port->drops[DROP_QUEUE_FULL]++;
	} else if (error == EINVAL) {
		port->drops[DROP_OFFLOAD_INVALID]++;
	} else {
		port->drops[DROP_FAILED]++;
		if (is_interface_gone(port->fd))
			burst_lost_device(burst, port);
	}
}

/* What one sendmmsg takes: each message a frame, or a train of UDP datagrams (udp-train.h). */
#define BATCH_TRAINS_MAX 16

struct batch {
	uint32_t count;
	uint32_t part_count;
	uint32_t train_count;
	struct mmsghdr messages[TX_MAX];
	uint32_t firsts[TX_MAX]; /* first frame of each message */
	uint32_t frames[TX_MAX]; /* how many it has */
	struct iovec parts[2 * TX_MAX];
	struct udp_train trains[BATCH_TRAINS_MAX];
};

static void batch_add(struct batch *batch, struct iovec *parts, uint32_t part_count, uint32_t first,
		      uint32_t frames)
{
	batch->messages[batch->count].msg_hdr =
		(struct msghdr){.msg_iov = parts, .msg_iovlen = part_count};
	batch->firsts[batch->count] = first;
	batch->frames[batch->count] = frames;
	batch->count++;
}

static void batch_add_frame(struct batch *batch, const struct outgoing *frame, uint32_t first)
{
	struct iovec *parts = batch->parts + batch->part_count;
	parts[0] = (struct iovec){frame->vnet, VNET_HEADER_LEN};
	parts[1] = (struct iovec){frame->frame, frame->len};
	batch->part_count += 2;
	batch_add(batch, parts, 2, first, 1);
}

/* Frames from `next` on, as many as there is room for; returns the first that is left. */
static uint32_t batch_fill(struct batch *batch, const struct outgoing *frames, uint32_t next, uint32_t count,
			   bool may_join)
{
	batch->count = batch->part_count = batch->train_count = 0;
	while (next < count && batch->train_count < BATCH_TRAINS_MAX) {
		struct udp_train *train = &batch->trains[batch->train_count];
		train->count = 0;
		if (may_join)
			udp_train_open(train, frames + next, count - next);
		if (train->count > 0) {
			batch_add(batch, train->parts, train->count + 1, next, train->count);
			batch->train_count++;
			next += train->count;
		} else {
			batch_add_frame(batch, &frames[next], next);
			next++;
		}
	}
	return next;
}

static void send_singly(struct burst *burst, struct port *port, const struct outgoing *frames,
			uint32_t count)
{
	for (uint32_t index = 0; index < count; index++) {
		struct iovec parts[2] = {
			{frames[index].vnet, VNET_HEADER_LEN},
			{frames[index].frame, frames[index].len},
		};
		if (writev(port->fd, parts, 2) < 0)
			count_error(burst, port, errno);
	}
}

static void batch_send(struct burst *burst, struct port *port, struct batch *batch,
		       const struct outgoing *frames)
{
	struct packet_state *state = port->state;
	uint32_t done = 0;
	while (done < batch->count) {
		int sent = sendmmsg(port->fd, batch->messages + done, batch->count - done, MSG_DONTWAIT);
		if (sent > 0) {
			done += (uint32_t)sent;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (batch->frames[done] > 1) {
			/* A kernel that knows no super-frames of UDP says so each time. */
			state->may_join = errno != EINVAL;
			send_singly(burst, port, frames + batch->firsts[done], batch->frames[done]);
		} else {
			count_error(burst, port, errno);
		}
		done++;
	}
}

static void packet_transmit(struct burst *burst, struct port *port, const struct outgoing *frames,
			    uint32_t count)
{
	const struct packet_state *state = port->state;
	struct batch batch;
	for (uint32_t next = 0; next < count;) {
		next = batch_fill(&batch, frames, next, count, state->may_join);
		batch_send(burst, port, &batch, frames);
	}
}

static void packet_close(struct port *port)
{
	struct packet_state *state = port->state;
	if (state->ring != NULL)
		packet_ring_close(state->burst, state->ring);
	close(port->fd);
	free(state);
}

static const struct port_kind packet_port = {
	.receive = packet_receive,
	.receive_drops = packet_receive_drops,
	.transmit = packet_transmit,
	.close = packet_close,
};

int packet_attach(struct burst *burst, int fd)
{
	struct packet_state *state = calloc(1, sizeof *state);
	if (state == NULL)
		return -1;
	state->burst = burst;
	state->may_join = true;
	int index = burst_attach(burst, &packet_port, fd, true, true, state);
	if (index < 0) {
		free(state);
		return -1;
	}
	state->ring = packet_ring_open(burst, fd);
	return index;
}
