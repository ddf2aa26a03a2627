/*
 * Sending on an uplink: every frame, or every segment of a super-frame, gets its VXLAN header (RFC 7348 §5); consecutive datagrams of
 * one size to one peer become one message with UDP_SEGMENT, and all messages of a burst go out with one sendmmsg per sender.
 *
 * Nothing is copied but headers and small frames: a message is a list of pieces, its headers in the staging area, its payloads where
 * they were received. Where the way out cannot segment (EIO without checksum offload, EINVAL), a message is sent datagram by datagram.
 */
#include "uplink.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include "segment.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define VXLAN_FLAGS 0x08000000u

static void vxlan_write(uint8_t *at, uint32_t vni)
{
	store32(at, VXLAN_FLAGS);
	store32(at + 4, vni << 8);
}

static void count_error(struct port *port, int error, uint32_t segments)
{
	bool is_full = error == EAGAIN || error == ENOBUFS || error == ENOMEM;
	port->drops[is_full ? DROP_QUEUE_FULL : DROP_FAILED] += segments;
}

/* The message's datagrams one by one: its pieces, cut every segment_len bytes. */
static void send_singly(struct port *port, const struct sender *sender, uint32_t index)
{
	const struct message *message = &sender->messages[index];
	struct msghdr header = sender->headers[index].msg_hdr;
	struct iovec *piece = header.msg_iov;
	struct iovec parts[4];
	header.msg_control = NULL;
	header.msg_controllen = 0;
	header.msg_iov = parts;
	for (uint32_t sent = 0; sent < message->segments; sent++) {
		size_t left = message->segment_len;
		uint32_t left_in_message = message->bytes - sent * message->segment_len;
		if (left > left_in_message)
			left = left_in_message;
		header.msg_iovlen = 0;
		while (left > 0 && header.msg_iovlen < 4) {
			size_t take = piece->iov_len < left ? piece->iov_len : left;
			parts[header.msg_iovlen++] = (struct iovec){piece->iov_base, take};
			piece->iov_base = (uint8_t *)piece->iov_base + take;
			piece->iov_len -= take;
			left -= take;
			if (piece->iov_len == 0)
				piece++;
		}
		if (sendmsg(sender->fd, &header, MSG_DONTWAIT) < 0)
			count_error(port, errno, 1);
	}
}

/* What the message at the head could not be sent for. */
static void message_failed(struct port *port, struct sender *sender, uint32_t index, int error)
{
	uint32_t segments = sender->messages[index].segments;
	if (segments > 1 && (error == EIO || error == EINVAL)) {
		sender->has_segmentation = error != EIO;
		send_singly(port, sender, index);
	} else {
		count_error(port, error, segments);
	}
}

static void message_seal(struct burst *burst, struct sender *sender, uint32_t index)
{
	const struct message *message = &sender->messages[index];
	struct msghdr *header = &sender->headers[index].msg_hdr;
	struct peer *peer = &burst->peers[message->peer];
	header->msg_name = &peer->address;
	header->msg_namelen = peer->len;
	if (message->segments == 1)
		return;
	union segment_control *control = &sender->controls[index];
	uint16_t segment_len = (uint16_t)message->segment_len;
	control->align.cmsg_level = SOL_UDP;
	control->align.cmsg_type = UDP_SEGMENT;
	control->align.cmsg_len = CMSG_LEN(sizeof segment_len);
	memcpy(CMSG_DATA(&control->align), &segment_len, sizeof segment_len);
	header->msg_control = control;
	header->msg_controllen = sizeof *control;
}

static void sender_flush(struct burst *burst, struct port *port, struct sender *sender)
{
	for (uint32_t index = 0; index < sender->count; index++)
		message_seal(burst, sender, index);
	uint32_t done = 0;
	while (done < sender->count) {
		int sent = sendmmsg(sender->fd, sender->headers + done, sender->count - done, MSG_DONTWAIT);
		if (sent > 0)
			done += (uint32_t)sent;
		else if (errno != EINTR)
			message_failed(port, sender, done++, errno);
	}
	sender->count = 0;
}

void uplink_flush(struct burst *burst, struct port *port)
{
	struct uplink *uplink = port->state;
	if (uplink->iov_count == 0)
		return;
	for (uint32_t index = 0; index < uplink->sender_count; index++)
		sender_flush(burst, port, &uplink->senders[index]);
	uplink->iov_count = 0;
	uplink->staged = 0;
}

/* The sender's last message, if a datagram of `len` bytes may join it. */
static struct message *message_open(const struct uplink *uplink, struct sender *sender, uint32_t peer,
				    uint32_t len)
{
	if (sender->count == 0 || !sender->has_segmentation)
		return NULL;
	struct message *message = &sender->messages[sender->count - 1];
	struct msghdr *header = &sender->headers[sender->count - 1].msg_hdr;
	bool is_last = header->msg_iov + header->msg_iovlen == uplink->iovs + uplink->iov_count;
	bool fits = !message->is_closed && message->peer == peer && len <= message->segment_len &&
		    message->segments < MESSAGE_SEGMENTS_MAX &&
		    message->bytes + len <= MESSAGE_BYTES_MAX;
	return is_last && fits ? message : NULL;
}

static struct message *message_begin(struct uplink *uplink, struct sender *sender, uint32_t peer,
				     uint32_t len)
{
	struct message *message = &sender->messages[sender->count];
	struct msghdr *header = &sender->headers[sender->count].msg_hdr;
	sender->count++;
	*message = (struct message){.peer = peer, .segment_len = len};
	memset(header, 0, sizeof *header);
	header->msg_iov = uplink->iovs + uplink->iov_count;
	return message;
}

/* Room for one more datagram of at most `staged` header bytes, flushing if there is none. */
static void make_room(struct burst *burst, struct port *port, const struct sender *sender,
		      uint32_t staged)
{
	struct uplink *uplink = port->state;
	if (sender->count == MESSAGES_MAX || uplink->iov_count + 2 > IOVS_MAX ||
	    uplink->staged + staged > STAGING_BYTES)
		uplink_flush(burst, port);
}

/*
 * Queues one datagram: `head_len` bytes that were staged last, then `body` if it has any. Headers staged right behind the piece before
 * become part of that piece.
 */
static void datagram_queue(struct uplink *uplink, struct sender *sender, uint32_t peer,
			   uint32_t head_len, const struct iovec *body)
{
	uint32_t len = head_len + (uint32_t)body->iov_len;
	struct message *message = message_open(uplink, sender, peer, len);
	bool joins = message != NULL;
	if (!joins)
		message = message_begin(uplink, sender, peer, len);
	struct msghdr *header = &sender->headers[sender->count - 1].msg_hdr;
	uint8_t *head = uplink->staging + uplink->staged;
	struct iovec *last = uplink->iovs + uplink->iov_count - 1;
	if (joins && (uint8_t *)last->iov_base + last->iov_len == head) {
		last->iov_len += head_len;
	} else {
		uplink->iovs[uplink->iov_count++] = (struct iovec){head, head_len};
		header->msg_iovlen++;
	}
	uplink->staged += head_len;
	if (body->iov_len > 0) {
		uplink->iovs[uplink->iov_count++] = *body;
		header->msg_iovlen++;
	}
	message->is_closed = len < message->segment_len;
	message->bytes += len;
	message->segments++;
}

static void queue_segments(struct burst *burst, struct port *port, struct sender *sender,
			   const struct segmenter *segmenter, const uint32_t *descriptor)
{
	struct uplink *uplink = port->state;
	uint32_t head_len = VXLAN_LEN + segmenter->header_len;
	struct iovec payload;
	for (uint32_t index = 0; index < segmenter->count; index++) {
		make_room(burst, port, sender, head_len);
		uint8_t *head = uplink->staging + uplink->staged;
		vxlan_write(head, descriptor[TX_VNI]);
		segmenter_write(segmenter, index, head + VXLAN_LEN, &payload);
		datagram_queue(uplink, sender, descriptor[TX_PEER], head_len, &payload);
	}
}

static void queue_frame(struct burst *burst, struct port *port, struct sender *sender,
			const struct outgoing *frame)
{
	struct uplink *uplink = port->state;
	struct iovec body = {frame->frame, frame->len};
	uint32_t head_len = VXLAN_LEN;
	make_room(burst, port, sender, VXLAN_LEN + COPY_BYTES_MAX);
	uint8_t *head = uplink->staging + uplink->staged;
	vxlan_write(head, frame->descriptor[TX_VNI]);
	if (frame->len <= COPY_BYTES_MAX) {
		memcpy(head + VXLAN_LEN, frame->frame, frame->len);
		head_len += frame->len;
		body.iov_len = 0;
	}
	datagram_queue(uplink, sender, frame->descriptor[TX_PEER], head_len, &body);
}

static void frame_transmit(struct burst *burst, struct port *port, const struct outgoing *frame)
{
	struct uplink *uplink = port->state;
	uint32_t peer = frame->descriptor[TX_PEER];
	if (peer >= PEERS_MAX || burst->peers[peer].len == 0 || frame->len < ETHERNET_LEN) {
		port->drops[DROP_FAILED]++;
		return;
	}
	struct sender *sender = &uplink->senders[frame->descriptor[TX_HASH] % uplink->sender_count];
	struct vnet_header vnet;
	struct segmenter segmenter;
	memcpy(&vnet, frame->vnet, sizeof vnet);
	switch (segmenter_open(&segmenter, frame->frame, frame->len, &vnet)) {
	case OFFLOAD_SEGMENT:
		queue_segments(burst, port, sender, &segmenter, frame->descriptor);
		return;
	case OFFLOAD_NONE:
		if (checksum_complete(frame->frame, frame->len, &vnet)) {
			memcpy(frame->vnet, &vnet, sizeof vnet);
			queue_frame(burst, port, sender, frame);
			return;
		}
		break;
	case OFFLOAD_INVALID:
		break;
	}
	port->drops[DROP_OFFLOAD_INVALID]++;
}

void uplink_transmit(struct burst *burst, struct port *port, const struct outgoing *frames,
		     uint32_t count)
{
	for (uint32_t index = 0; index < count; index++)
		frame_transmit(burst, port, &frames[index]);
}
