/*
 * Rate limits of ports, and their shares of a link: docs/design has the reasons. A port without limits has no shaper and pays one test.
 *
 *   outbound (the port sends): while its bucket is in debt the port is not read; what it sends waits in its own device's queue
 *   inbound (it receives):     while its bucket is in debt frames wait in a queue of the port's own; beyond its room they are dropped
 *   link:                      the outbound frames of all ports together; in debt, none that has a weight is read. Who comes next is
 *                              whom the link owes most: start-time fair queueing, by weight
 *
 * A bucket is one number, the time at which its debt is paid (the generic cell rate algorithm); credit is kept for CREDIT_NS. A frame
 * costs what its segments have on the wire: bytes of their Ethernet frames, without preamble and check sequence.
 */
#ifndef WEFT_SHAPER_H
#define WEFT_SHAPER_H

#include <stdbool.h>
#include <stdint.h>

#include "waiting.h"

/* Unused rate is kept so long: longer than a busy machine lets a waiting thread wait. */
#define CREDIT_NS 20000000
/* What waits for a port inbound is at most so long worth of its rate, within the bounds below: room for one super-frame at least. */
#define QUEUE_NS 50000000
#define QUEUE_BYTES_MIN (160 * 1024)
#define QUEUE_BYTES_MAX (4 * 1024 * 1024)
#define WEIGHT_MAX 1000000

struct burst;
struct port;
struct outgoing;
struct vnet_header;

struct bucket {
	double ns_per_byte; /* 0: no limit */
	uint64_t paid_at;   /* when its debt is, or was, paid */
};

struct shaper {
	struct bucket outbound;
	struct bucket inbound;
	struct waiting waiting;
	uint64_t dropped;
	uint32_t weight;   /* 0: no part of the link */
	double served;     /* virtual time of the link up to which the port has been served */
	bool is_paused;	   /* not read before `resume_at` */
	bool is_parked;	   /* epoll is not to tell of it either */
	bool is_listed;	   /* in link.due */
	uint64_t resume_at;
};

struct shaping {
	double outbound_bytes_per_sec; /* 0: no limit */
	double inbound_bytes_per_sec;
	uint32_t weight;
};

/* The link that ports with a weight share, and who waits for what. */
struct link {
	struct bucket bucket;
	double served; /* its virtual time */
	int timer_fd;
	uint64_t timer_at; /* armed for; 0: not */
	uint32_t *due;     /* ports that are paused or have frames waiting */
	uint32_t due_count;
};

bool link_open(struct link *link);
void link_close(struct link *link);

/* False: no memory. All zero: the port has no shaper any more. */
bool shaper_set(struct burst *burst, struct port *port, const struct shaping *shaping);
void shaper_close(struct burst *burst, struct port *port);

/* Reads a port within its limits. */
void shaper_receive(struct burst *burst, struct port *port, uint32_t count);
/* Reads the hot ports that share the link, by weight, after all others. */
void shaper_receive_link(struct burst *burst);
/* Sends what may go, queues what must wait. */
void shaper_transmit(struct burst *burst, struct port *port, const struct outgoing *frames,
		     uint32_t count);
/* Resumes what is due and sends what may go by now. */
void shaper_run(struct burst *burst);
/* Before a wait: the timer ends it when something is due, and paused ports do not. */
void shaper_prepare_wait(struct burst *burst);
void shaper_timer_consume(struct burst *burst);

/* What a frame costs on the wire, also where that is several segments. */
uint32_t wire_bytes(const uint8_t *frame, uint32_t len, const struct vnet_header *vnet);

#endif
