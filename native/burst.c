/*
 * The burst engine: see burst.h.
 *
 * A port that had frames last time is hot: it is read again without asking epoll, until it has no more. So under load a burst costs the
 * reads and writes alone, and epoll is asked only now and then whether somebody else has become readable; when nobody is hot, epoll_wait
 * blocks and the process is idle.
 */
#include "burst.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "packet-ring.h"

/* While some port is hot, ask epoll for others every so many exchanges. */
#define POLL_EVERY 4
/* A burst of so many frames, small on average, is one under load: see crowding.h. */
#define GIVE_WAY_FRAMES 8
#define GIVE_WAY_FRAME_BYTES 1024
#define EVENTS_MAX 64
#define WAKE_EVENT UINT32_MAX
#define TIMER_EVENT (UINT32_MAX - 1)

static const size_t RX_BYTES = BURST_MAX * RX_STRIDE * sizeof(uint32_t);
static const size_t TX_BYTES = TX_MAX * TX_STRIDE * sizeof(uint32_t);

static bool epoll_add(struct burst *burst, int fd, uint32_t data)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = data};
	return epoll_ctl(burst->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool arena_map(struct burst *burst)
{
	burst->scratch_at = (uint32_t)(RX_BYTES + TX_BYTES);
	burst->slots_at = burst->scratch_at + SCRATCH_BYTES;
	burst->trains_at = burst->slots_at + BURST_MAX * SLOT_BYTES;
	size_t rings_at = burst->trains_at + (size_t)UPLINKS_MAX * TRAIN_SLOTS * SLOT_BYTES;
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	rings_at = (rings_at + page_bytes - 1) / page_bytes * page_bytes;
	burst->rings_at = (uint32_t)rings_at;
	burst->arena_bytes = rings_at + (size_t)RINGS_MAX * RING_BYTES;
	void *arena = mmap(NULL, burst->arena_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena == MAP_FAILED)
		return false;
	burst->arena = arena;
	burst->rx = arena;
	burst->tx = (uint32_t *)(burst->arena + RX_BYTES);
	return true;
}

struct burst *burst_open(void)
{
	struct burst *burst = calloc(1, sizeof *burst);
	if (burst == NULL)
		return NULL;
	burst->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	burst->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	burst->peers = calloc(PEERS_MAX, sizeof *burst->peers);
	crowding_open(&burst->crowding);
	bool has_link = link_open(&burst->link);
	if (burst->epoll_fd >= 0 && burst->wake_fd >= 0 && burst->peers != NULL && has_link &&
	    epoll_add(burst, burst->wake_fd, WAKE_EVENT) &&
	    epoll_add(burst, burst->link.timer_fd, TIMER_EVENT) && arena_map(burst))
		return burst;
	int error = errno;
	burst_close(burst);
	errno = error;
	return NULL;
}

void burst_close(struct burst *burst)
{
	for (uint32_t index = 0; index < PORTS_MAX; index++)
		burst_detach(burst, index);
	if (burst->epoll_fd >= 0)
		close(burst->epoll_fd);
	if (burst->wake_fd >= 0)
		close(burst->wake_fd);
	crowding_close(&burst->crowding);
	link_close(&burst->link);
	free(burst->peers);
	free(burst);
}

void burst_unmap(uint8_t *arena, size_t arena_bytes)
{
	munmap(arena, arena_bytes);
}

void burst_cool(struct burst *burst, struct port *port)
{
	if (!port->is_hot)
		return;
	port->is_hot = false;
	for (uint32_t slot = 0; slot < burst->hot_count; slot++) {
		if (burst->hot[slot] == port->index) {
			burst->hot[slot] = burst->hot[--burst->hot_count];
			return;
		}
	}
}

void burst_heat(struct burst *burst, struct port *port)
{
	if (port->is_hot || port->is_gone || (port->shaper != NULL && port->shaper->is_paused))
		return;
	port->is_hot = true;
	burst->hot[burst->hot_count++] = port->index;
}

int burst_attach(struct burst *burst, const struct port_kind *kind, int fd, bool has_offload,
		 bool has_uso, void *state)
{
	for (uint32_t tried = 0; tried < PORTS_MAX; tried++) {
		uint32_t index = burst->next_port++ % PORTS_MAX;
		if (burst->ports[index] != NULL)
			continue;
		struct port *port = calloc(1, sizeof *port);
		if (port == NULL || !epoll_add(burst, fd, index)) {
			free(port);
			return -1;
		}
		port->kind = kind;
		port->index = index;
		port->fd = fd;
		port->has_offload = has_offload;
		port->has_uso = has_uso;
		port->state = state;
		burst->ports[index] = port;
		return (int)index;
	}
	errno = ENOSPC;
	return -1;
}

bool burst_detach(struct burst *burst, uint32_t index)
{
	struct port *port = burst_port(burst, index);
	if (port == NULL)
		return false;
	shaper_close(burst, port);
	burst_cool(burst, port);
	if (!port->is_gone)
		epoll_ctl(burst->epoll_fd, EPOLL_CTL_DEL, port->fd, NULL);
	port->kind->close(port);
	burst->ports[index] = NULL;
	free(port);
	return true;
}

struct port *burst_port(struct burst *burst, uint32_t index)
{
	return index < PORTS_MAX ? burst->ports[index] : NULL;
}

uint32_t burst_socket_drops(int fd)
{
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof memory;
	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len) == 0 ? memory[SK_MEMINFO_DROPS] : 0;
}

uint32_t burst_receive_drops(const struct port *port)
{
	return port->kind->receive_drops == NULL ? 0 : port->kind->receive_drops(port);
}

bool burst_set_peer(struct burst *burst, uint32_t peer, const struct sockaddr *address, socklen_t len)
{
	if (peer >= PEERS_MAX || len > sizeof burst->peers[peer].address)
		return false;
	memcpy(&burst->peers[peer].address, address, len);
	burst->peers[peer].len = len;
	return true;
}

uint32_t *burst_received(struct burst *burst, const struct port *port, const uint8_t *vnet,
			 const uint8_t *at, uint32_t len)
{
	uint32_t *descriptor = burst->rx + burst->rx_count++ * RX_STRIDE;
	uint32_t offset = (uint32_t)(at - burst->arena);
	descriptor[RX_PORT] = port->index;
	descriptor[RX_AT] = offset;
	descriptor[RX_END] = offset + len;
	descriptor[RX_VNET] = (uint32_t)(vnet - burst->arena);
	burst->rx_bytes += len;
	return descriptor;
}

void burst_lost_device(struct burst *burst, struct port *port)
{
	if (port->is_gone)
		return;
	port->is_gone = true;
	burst_cool(burst, port);
	epoll_ctl(burst->epoll_fd, EPOLL_CTL_DEL, port->fd, NULL);
}

/* False if the descriptor points outside the arena. */
static bool outgoing_open(struct burst *burst, const uint32_t *descriptor, struct outgoing *frame)
{
	size_t at = descriptor[TX_AT], end = descriptor[TX_END], vnet = descriptor[TX_VNET];
	if (at > end || end > burst->arena_bytes || end - at > FRAME_BYTES_MAX ||
	    at < VNET_HEADER_LEN || vnet + VNET_HEADER_LEN > burst->arena_bytes)
		return false;
	frame->frame = burst->arena + at;
	frame->len = (uint32_t)(end - at);
	frame->vnet = (struct vnet_header *)(burst->arena + vnet);
	frame->descriptor = descriptor;
	return true;
}

/* Consecutive frames for one port go to it together. */
static bool transmit(struct burst *burst, uint32_t count)
{
	struct outgoing frames[TX_MAX];
	bool is_sound = true;
	for (uint32_t next = 0; is_sound && next < count;) {
		const uint32_t *descriptor = burst->tx + next * TX_STRIDE;
		struct port *port = burst_port(burst, descriptor[TX_PORT]);
		uint32_t run = 0;
		do {
			is_sound = outgoing_open(burst, burst->tx + next * TX_STRIDE, &frames[run]);
			if (!is_sound)
				break;
			next++;
			run++;
		} while (next < count &&
			 burst->tx[next * TX_STRIDE + TX_PORT] == descriptor[TX_PORT]);
		if (port != NULL && port->is_gone)
			port->drops[DROP_FAILED] += run;
		else if (port != NULL && port->shaper != NULL)
			shaper_transmit(burst, port, frames, run);
		else if (port != NULL)
			port->kind->transmit(burst, port, frames, run);
	}
	for (uint32_t slot = 0; slot < UPLINKS_MAX; slot++) {
		if (burst->uplinks[slot] != NULL)
			burst->uplinks[slot]->kind->flush(burst, burst->uplinks[slot]);
	}
	return is_sound;
}

static void wake_consume(struct burst *burst)
{
	uint64_t value;
	burst->was_woken = read(burst->wake_fd, &value, sizeof value) == sizeof value;
}

/* Ports that have become readable are hot from now on. */
static void poll_ports(struct burst *burst, int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(burst->epoll_fd, events, EVENTS_MAX, timeout_ms);
	for (int index = 0; index < count; index++) {
		if (events[index].data.u32 == WAKE_EVENT) {
			wake_consume(burst);
			continue;
		}
		if (events[index].data.u32 == TIMER_EVENT) {
			shaper_timer_consume(burst);
			continue;
		}
		struct port *port = burst_port(burst, events[index].data.u32);
		if (port != NULL)
			burst_heat(burst, port);
	}
}

/* Reads the hot ports in turn, each up to a fair share; the turn begins with another one each time. */
static void receive_hot(struct burst *burst)
{
	uint32_t turn[BURST_MAX];
	uint32_t count = burst->hot_count < BURST_MAX ? burst->hot_count : BURST_MAX;
	if (count == 0)
		return;
	for (uint32_t slot = 0; slot < count; slot++)
		turn[slot] = burst->hot[(burst->round + slot) % burst->hot_count];
	uint32_t share = BURST_MAX / count;
	bool has_link = false;
	for (uint32_t slot = 0; slot < count && burst->rx_bytes < BURST_BYTES_MAX; slot++) {
		struct port *port = burst->ports[turn[slot]];
		uint32_t room = BURST_MAX - burst->rx_count;
		if (port->shaper != NULL) {
			if (burst_shares_link(burst, port))
				has_link = true;
			else
				shaper_receive(burst, port, share < room ? share : room);
			continue;
		}
		port->is_drained = false;
		port->kind->receive(burst, port, share < room ? share : room);
		if (port->is_drained)
			burst_cool(burst, port);
	}
	if (has_link)
		shaper_receive_link(burst);
}

int burst_exchange(struct burst *burst, uint32_t tx_count, int timeout_ms)
{
	bool is_sound = transmit(burst, tx_count < TX_MAX ? tx_count : TX_MAX);
	if (!is_sound)
		return -1;
	if (tx_count >= GIVE_WAY_FRAMES && burst->rx_bytes < tx_count * GIVE_WAY_FRAME_BYTES)
		crowding_give_way(&burst->crowding);
	for (uint32_t place = 0; place < RINGS_MAX; place++) {
		if (burst->rings[place] != NULL)
			packet_ring_release(burst->rings[place]);
	}
	burst->round++;
	burst->rx_count = 0;
	burst->rx_bytes = 0;
	burst->was_woken = false;
	shaper_run(burst);
	if (burst->hot_count > 0) {
		if (burst->round % POLL_EVERY == 0)
			poll_ports(burst, 0);
		receive_hot(burst);
	}
	if (burst->rx_count == 0 && !burst->was_woken) {
		if (burst->hot_count == 0)
			shaper_prepare_wait(burst);
		poll_ports(burst, burst->hot_count > 0 ? 0 : timeout_ms);
		shaper_run(burst);
		receive_hot(burst);
	}
	return (int)burst->rx_count;
}

void burst_set_link(struct burst *burst, double bytes_per_sec)
{
	struct bucket *bucket = &burst->link.bucket;
	bucket->ns_per_byte = bytes_per_sec > 0 ? 1e9 / bytes_per_sec : 0;
	bucket->paid_at = 0;
}
