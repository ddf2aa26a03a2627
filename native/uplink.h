/*
 * State of an uplink port: one socket that receives VXLAN (RFC 7348) on the provider address, several that send it, each from another
 * source port so that the underlay's ECMP and receive queues have something to hash (RFC 7348 §5: source port from the inner flow).
 */
#ifndef WEFT_UPLINK_H
#define WEFT_UPLINK_H

#include "burst.h"
#include "ports.h"

/* Messages one sender queues before they go out. */
#define MESSAGES_MAX 64
/* Datagrams of one message (UDP_MAX_SEGMENTS of older kernels) and its payload bytes (IPv4 length less its headers). */
#define MESSAGE_SEGMENTS_MAX 64
#define MESSAGE_BYTES_MAX 65507

#define IOVS_MAX 4096
#define STAGING_BYTES (512 * 1024)
/* Frames up to this length are copied behind their VXLAN header: one piece of memory is cheaper than two. */
#define COPY_BYTES_MAX 256

union segment_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(uint16_t))];
};

/* Datagrams of equal size but a shorter last one, to one peer. */
struct message {
	uint32_t peer;
	uint32_t segment_len; /* outer UDP payload of the first */
	uint32_t bytes;
	uint32_t segments;
	bool is_closed; /* took a shorter one */
};

struct sender {
	int fd;
	bool has_segmentation; /* UDP_SEGMENT works on this socket's way out */
	uint32_t count;
	struct message messages[MESSAGES_MAX];
	struct mmsghdr headers[MESSAGES_MAX];
	union segment_control controls[MESSAGES_MAX];
};

/* A datagram, or a train of them, that was received and not yet handed out. */
struct train {
	uint8_t *at; /* start of the buffer's frame area */
	uint32_t next;
	uint32_t end;
	uint32_t segment_len;
	uint32_t source[4];
	uint32_t gap;  /* free bytes before `next` */
};

struct uplink {
	struct burst *burst;
	uint32_t slot; /* which share of the train slots */
	uint32_t sender_count;
	uint32_t iov_count;
	uint32_t staged;
	uint32_t train_next;
	uint32_t train_count;
	uint32_t round; /* of the burst when trains were last recycled */
	struct sender *senders;
	struct train trains[TRAIN_SLOTS];
	struct iovec iovs[IOVS_MAX];
	uint8_t staging[STAGING_BYTES];
};

/* uplink-transmit.c */
void uplink_transmit(struct burst *burst, struct port *port, const struct outgoing *frames,
		     uint32_t count);
void uplink_flush(struct burst *burst, struct port *port);

/* uplink-receive.c */
uint32_t uplink_receive(struct burst *burst, struct port *port, uint32_t count);

#endif
