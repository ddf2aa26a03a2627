/*
 * TAP ports: one frame a system call, the virtio_net_hdr right before the frame in the ring so that a plain read or write moves both.
 *
 * A kernel that refuses a super-frame (EINVAL; seen with faulty backports of header checks) gets it in segments; a device that was
 * deleted, with its namespace or alone, answers EBADFD and is gone.
 */
#include "ports.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "segment.h"
#include "udp-train.h"

static uint32_t tap_receive(struct burst *burst, struct port *port, uint32_t count)
{
	uint32_t received = 0;
	while (received < count && burst->rx_bytes < BURST_BYTES_MAX) {
		uint8_t *at = burst_slot(burst, burst->rx_count) + HEADROOM;
		uint8_t *vnet = at - VNET_HEADER_LEN;
		ssize_t len = read(port->fd, vnet, VNET_HEADER_LEN + FRAME_BYTES_MAX);
		if (len >= VNET_HEADER_LEN) {
			burst_received(burst, port, vnet, at, (uint32_t)len - VNET_HEADER_LEN);
			received++;
			continue;
		}
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno != EAGAIN)
			burst_lost_device(burst, port);
		port->is_drained = true;
		break;
	}
	return received;
}

static void count_error(struct burst *burst, struct port *port, int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		port->drops[DROP_QUEUE_FULL]++;
		break;
	case EINVAL:
		port->drops[DROP_OFFLOAD_INVALID]++;
		break;
	case EBADFD:
		burst_lost_device(burst, port);
		port->drops[DROP_FAILED]++;
		break;
	default:
		port->drops[DROP_FAILED]++;
	}
}

/*
 * 0 or errno. Header and frame must lie side by side for a plain write, which costs a seventh less than writev on a small frame; so the
 * bytes before the frame are borrowed, they may belong to its neighbour.
 */
static int write_frame(const struct port *port, const struct outgoing *frame)
{
	uint8_t *before = frame->frame - VNET_HEADER_LEN;
	uint8_t borrowed[VNET_HEADER_LEN], vnet[VNET_HEADER_LEN];
	memcpy(borrowed, before, sizeof borrowed);
	memcpy(vnet, frame->vnet, sizeof vnet);
	memcpy(before, vnet, sizeof vnet);
	int error = write(port->fd, before, VNET_HEADER_LEN + frame->len) < 0 ? errno : 0;
	memcpy(before, borrowed, sizeof borrowed);
	return error;
}

static void write_segments(struct burst *burst, struct port *port, const struct segmenter *segmenter)
{
	struct vnet_header plain = {0};
	uint8_t header[SEGMENT_HEADER_MAX];
	struct iovec parts[3] = {
		{.iov_base = &plain, .iov_len = VNET_HEADER_LEN},
		{.iov_base = header, .iov_len = segmenter->header_len},
	};
	for (uint32_t index = 0; index < segmenter->count && !port->is_gone; index++) {
		segmenter_write(segmenter, index, header, &parts[2]);
		if (writev(port->fd, parts, 3) < 0)
			count_error(burst, port, errno);
	}
}

/* For a far end without offloads: segments, complete checksums. */
static void write_plain(struct burst *burst, struct port *port, const struct outgoing *frame)
{
	struct segmenter segmenter;
	struct vnet_header vnet;
	memcpy(&vnet, frame->vnet, sizeof vnet);
	enum offload offload = segmenter_open(&segmenter, frame->frame, frame->len, &vnet);
	if (offload == OFFLOAD_SEGMENT) {
		write_segments(burst, port, &segmenter);
		return;
	}
	if (offload == OFFLOAD_INVALID || !checksum_complete(frame->frame, frame->len, &vnet)) {
		port->drops[DROP_OFFLOAD_INVALID]++;
		return;
	}
	memcpy(frame->vnet, &vnet, sizeof vnet);
	int error = write_frame(port, frame);
	if (error != 0)
		count_error(burst, port, error);
}

static void write_offloaded(struct burst *burst, struct port *port, const struct outgoing *frame)
{
	int error = write_frame(port, frame);
	if (error == 0)
		return;
	struct segmenter segmenter;
	struct vnet_header vnet;
	memcpy(&vnet, frame->vnet, sizeof vnet);
	if (error == EINVAL &&
	    segmenter_open(&segmenter, frame->frame, frame->len, &vnet) == OFFLOAD_SEGMENT)
		write_segments(burst, port, &segmenter);
	else
		count_error(burst, port, error);
}

/* How many of the frames left together; 0 if the first must go by itself. */
static uint32_t write_train(struct port *port, const struct outgoing *frames, uint32_t count)
{
	struct udp_train train;
	udp_train_open(&train, frames, count);
	if (train.count == 0 || writev(port->fd, train.parts, (int)train.count + 1) < 0)
		return 0;
	return train.count;
}

static void tap_transmit(struct burst *burst, struct port *port, const struct outgoing *frames,
			 uint32_t count)
{
	for (uint32_t index = 0; index < count;) {
		uint32_t together = 0;
		if (port->is_gone)
			port->drops[DROP_FAILED]++;
		else if (port->has_uso)
			together = write_train(port, frames + index, count - index);
		if (together == 0 && !port->is_gone) {
			if (port->has_offload)
				write_offloaded(burst, port, &frames[index]);
			else
				write_plain(burst, port, &frames[index]);
		}
		index += together > 0 ? together : 1;
	}
}

static void tap_close(struct port *port)
{
	close(port->fd);
}

const struct port_kind tap_port = {
	.receive = tap_receive,
	.transmit = tap_transmit,
	.close = tap_close,
};
