/* Rate limits and shares of a link: see shaper.h. */
#include "shaper.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "burst.h"
#include "segment.h"

#define NS_PER_SEC 1000000000u

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

uint32_t wire_bytes(const uint8_t *frame, uint32_t len, const struct vnet_header *unaligned)
{
	struct vnet_header vnet;
	struct segmenter segmenter;
	memcpy(&vnet, unaligned, sizeof vnet);
	if (segmenter_open(&segmenter, frame, len, &vnet) != OFFLOAD_SEGMENT)
		return len;
	return segmenter.payload_len + segmenter.count * segmenter.header_len;
}

static bool may_pass(const struct bucket *bucket, uint64_t now)
{
	return bucket->ns_per_byte == 0 || bucket->paid_at <= now;
}

static void charge(struct bucket *bucket, uint32_t bytes, uint64_t now)
{
	if (bucket->ns_per_byte == 0)
		return;
	if (bucket->paid_at + CREDIT_NS < now)
		bucket->paid_at = now - CREDIT_NS;
	bucket->paid_at += (uint64_t)(bytes * bucket->ns_per_byte);
}

/* A changed rate leaves the debt as it is, in time. */
static void set_rate(struct bucket *bucket, double bytes_per_sec)
{
	bucket->ns_per_byte = bytes_per_sec > 0 ? NS_PER_SEC / bytes_per_sec : 0;
	if (bucket->ns_per_byte == 0)
		bucket->paid_at = 0;
}

bool link_open(struct link *link)
{
	link->due = calloc(PORTS_MAX, sizeof *link->due);
	link->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return link->due != NULL && link->timer_fd >= 0;
}

void link_close(struct link *link)
{
	if (link->timer_fd >= 0)
		close(link->timer_fd);
	free(link->due);
}

static void list_due(struct burst *burst, struct port *port)
{
	if (port->shaper->is_listed)
		return;
	port->shaper->is_listed = true;
	burst->link.due[burst->link.due_count++] = port->index;
}

static void unlist_due(struct burst *burst, struct port *port)
{
	struct link *link = &burst->link;
	for (uint32_t slot = 0; slot < link->due_count; slot++) {
		if (link->due[slot] == port->index) {
			link->due[slot] = link->due[--link->due_count];
			break;
		}
	}
	port->shaper->is_listed = false;
}

static void listen_to(struct burst *burst, struct port *port, bool is_wanted)
{
	struct epoll_event event = {.events = is_wanted ? EPOLLIN : 0, .data.u32 = port->index};
	if (!port->is_gone)
		epoll_ctl(burst->epoll_fd, EPOLL_CTL_MOD, port->fd, &event);
	port->shaper->is_parked = !is_wanted;
}

static void pause_port(struct burst *burst, struct port *port, uint64_t resume_at)
{
	port->shaper->is_paused = true;
	port->shaper->resume_at = resume_at;
	burst_cool(burst, port);
	list_due(burst, port);
}

static void resume(struct burst *burst, struct port *port)
{
	port->shaper->is_paused = false;
	if (port->shaper->is_parked)
		listen_to(burst, port, true);
	burst_heat(burst, port);
}

void shaper_close(struct burst *burst, struct port *port)
{
	struct shaper *shaper = port->shaper;
	if (shaper == NULL)
		return;
	if (shaper->is_paused)
		resume(burst, port);
	if (shaper->is_listed)
		unlist_due(burst, port);
	waiting_resize(&shaper->waiting, 0);
	free(shaper);
	port->shaper = NULL;
}

/* The queue of a changed rate starts empty; what waited in the old one is counted as dropped. */
static bool resize_queue(struct shaper *shaper, double bytes_per_sec)
{
	double wanted = bytes_per_sec * QUEUE_NS / NS_PER_SEC;
	uint32_t capacity = wanted > QUEUE_BYTES_MAX   ? QUEUE_BYTES_MAX
			    : wanted < QUEUE_BYTES_MIN ? QUEUE_BYTES_MIN
						       : (uint32_t)wanted & ~15u;
	if (bytes_per_sec == 0)
		capacity = 0;
	uint32_t waited = shaper->waiting.count;
	if (!waiting_resize(&shaper->waiting, capacity))
		return false;
	shaper->dropped += waited - shaper->waiting.count;
	return true;
}

bool shaper_set(struct burst *burst, struct port *port, const struct shaping *shaping)
{
	bool is_limited = shaping->outbound_bytes_per_sec > 0 || shaping->inbound_bytes_per_sec > 0;
	if (!is_limited && shaping->weight == 0) {
		if (port->shaper != NULL)
			port->dropped_waiting += port->shaper->dropped + port->shaper->waiting.count;
		shaper_close(burst, port);
		return true;
	}
	if (port->shaper == NULL)
		port->shaper = calloc(1, sizeof *port->shaper);
	struct shaper *shaper = port->shaper;
	if (shaper == NULL || !resize_queue(shaper, shaping->inbound_bytes_per_sec))
		return false;
	set_rate(&shaper->outbound, shaping->outbound_bytes_per_sec);
	set_rate(&shaper->inbound, shaping->inbound_bytes_per_sec);
	shaper->weight = shaping->weight;
	/* Whatever it waited for may not hold any more. */
	if (shaper->is_paused)
		resume(burst, port);
	return true;
}

/* ---- outbound -------------------------------------------------------------------------------------------------- */

/* Reads one frame and charges it; false if there was none. */
static bool receive_one(struct burst *burst, struct port *port, uint64_t now, bool on_link)
{
	struct shaper *shaper = port->shaper;
	port->is_drained = false;
	uint32_t next = burst->rx_count;
	uint32_t received = port->kind->receive(burst, port, 1);
	if (received > 0) {
		const uint32_t *descriptor = burst->rx + next * RX_STRIDE;
		const uint8_t *frame = burst->arena + descriptor[RX_AT];
		const void *vnet = burst->arena + descriptor[RX_VNET];
		uint32_t bytes = wire_bytes(frame, descriptor[RX_END] - descriptor[RX_AT], vnet);
		charge(&shaper->outbound, bytes, now);
		if (on_link) {
			charge(&burst->link.bucket, bytes, now);
			/* Who was away has no claim to what he did not use. */
			if (shaper->served < burst->link.served)
				shaper->served = burst->link.served;
			burst->link.served = shaper->served;
			shaper->served += (double)bytes / shaper->weight;
		}
	}
	if (port->is_drained)
		burst_cool(burst, port);
	return received > 0;
}

void shaper_receive(struct burst *burst, struct port *port, uint32_t count)
{
	uint64_t now = now_ns();
	while (count > 0 && burst->rx_bytes < BURST_BYTES_MAX) {
		if (!may_pass(&port->shaper->outbound, now)) {
			pause_port(burst, port, port->shaper->outbound.paid_at);
			return;
		}
		if (!receive_one(burst, port, now, false))
			return;
		count--;
	}
}

/* The hot port that has had least of the link for its weight; NULL: nobody has anything to send. */
static struct port *next_of_link(struct burst *burst)
{
	struct port *next = NULL;
	double least = 0;
	for (uint32_t slot = 0; slot < burst->hot_count; slot++) {
		struct port *port = burst->ports[burst->hot[slot]];
		if (!burst_shares_link(burst, port))
			continue;
		double served = port->shaper->served;
		if (served < burst->link.served)
			served = burst->link.served;
		if (next != NULL && served >= least)
			continue;
		next = port;
		least = served;
	}
	return next;
}

static void pause_link(struct burst *burst)
{
	for (uint32_t slot = burst->hot_count; slot-- > 0;) {
		struct port *port = burst->ports[burst->hot[slot]];
		if (burst_shares_link(burst, port))
			pause_port(burst, port, burst->link.bucket.paid_at);
	}
}

void shaper_receive_link(struct burst *burst)
{
	uint64_t now = now_ns();
	while (burst->rx_count < BURST_MAX && burst->rx_bytes < BURST_BYTES_MAX) {
		struct port *port = next_of_link(burst);
		if (port == NULL)
			return;
		if (!may_pass(&burst->link.bucket, now)) {
			pause_link(burst);
			return;
		}
		if (!may_pass(&port->shaper->outbound, now))
			pause_port(burst, port, port->shaper->outbound.paid_at);
		else
			receive_one(burst, port, now, true);
	}
}

/* ---- inbound --------------------------------------------------------------------------------------------------- */

static void send_waiting(struct burst *burst, struct port *port, uint64_t now)
{
	struct shaper *shaper = port->shaper;
	struct waiting *waiting = &shaper->waiting;
	while (waiting->count > 0 && may_pass(&shaper->inbound, now)) {
		struct outgoing frame;
		waiting_front(waiting, &frame);
		charge(&shaper->inbound, wire_bytes(frame.frame, frame.len, frame.vnet), now);
		if (port->is_gone)
			port->drops[DROP_FAILED]++;
		else
			port->kind->transmit(burst, port, &frame, 1);
		waiting_drop_front(waiting, &frame);
	}
}

void shaper_transmit(struct burst *burst, struct port *port, const struct outgoing *frames,
		     uint32_t count)
{
	struct shaper *shaper = port->shaper;
	if (shaper->inbound.ns_per_byte == 0) {
		port->kind->transmit(burst, port, frames, count);
		return;
	}
	uint64_t now = now_ns();
	send_waiting(burst, port, now);
	for (uint32_t index = 0; index < count; index++) {
		const struct outgoing *frame = &frames[index];
		if (shaper->waiting.count == 0 && may_pass(&shaper->inbound, now)) {
			charge(&shaper->inbound, wire_bytes(frame->frame, frame->len, frame->vnet), now);
			port->kind->transmit(burst, port, frame, 1);
		} else if (!waiting_add(&shaper->waiting, frame)) {
			shaper->dropped++;
		}
	}
	if (shaper->waiting.count > 0)
		list_due(burst, port);
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

void shaper_run(struct burst *burst)
{
	struct link *link = &burst->link;
	if (link->due_count == 0)
		return;
	uint64_t now = now_ns();
	for (uint32_t slot = link->due_count; slot-- > 0;) {
		struct port *port = burst->ports[link->due[slot]];
		struct shaper *shaper = port->shaper;
		send_waiting(burst, port, now);
		if (shaper->is_paused && shaper->resume_at <= now)
			resume(burst, port);
		if (!shaper->is_paused && shaper->waiting.count == 0) {
			shaper->is_listed = false;
			link->due[slot] = link->due[--link->due_count];
		}
	}
}

void shaper_prepare_wait(struct burst *burst)
{
	struct link *link = &burst->link;
	uint64_t first = UINT64_MAX;
	for (uint32_t slot = 0; slot < link->due_count; slot++) {
		struct port *port = burst->ports[link->due[slot]];
		struct shaper *shaper = port->shaper;
		if (shaper->is_paused) {
			if (!shaper->is_parked)
				listen_to(burst, port, false);
			first = shaper->resume_at < first ? shaper->resume_at : first;
		}
		if (shaper->waiting.count > 0 && shaper->inbound.paid_at < first)
			first = shaper->inbound.paid_at;
	}
	if (first == link->timer_at || first == UINT64_MAX)
		return;
	struct itimerspec when = {.it_value = {.tv_sec = (time_t)(first / NS_PER_SEC),
					       .tv_nsec = (long)(first % NS_PER_SEC)}};
	timerfd_settime(link->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
	link->timer_at = first;
}

void shaper_timer_consume(struct burst *burst)
{
	uint64_t expirations;
	/* Empty where it was set anew in between. */
	ssize_t len = read(burst->link.timer_fd, &expirations, sizeof expirations);
	(void)len;
	burst->link.timer_at = 0;
}
