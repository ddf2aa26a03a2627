/*
 * AF_PACKET ports with PACKET_VNET_HDR on an existing interface: sendmmsg out, recvmmsg in. The kernel takes a VLAN tag out of what it
 * receives and gives it as ancillary data; it is put back, since the switch sees frames as they travel. What the interface cannot do
 * (segmentation, checksums) the kernel does on the way out.
 */
#include "ports.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <unistd.h>

/* The VLAN identifier of an interface's own tag is put in front; bytes 0 … 11 are the addresses. */
static uint8_t *vlan_insert(uint8_t *at, const struct tpacket_auxdata *aux)
{
	struct vnet_header vnet;
	memcpy(&vnet, at - VNET_HEADER_LEN, sizeof vnet);
	memmove(at - VLAN_TAG_LEN, at, 12);
	bool has_type = (aux->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
	store16(at + 8, has_type ? aux->tp_vlan_tpid : ETHERTYPE_VLAN);
	store16(at + 10, aux->tp_vlan_tci);
	at -= VLAN_TAG_LEN;
	vnet.csum_start += (vnet.flags & VNET_NEEDS_CSUM) != 0 ? VLAN_TAG_LEN : 0;
	vnet.hdr_len += vnet.hdr_len > 0 ? VLAN_TAG_LEN : 0;
	memcpy(at - VNET_HEADER_LEN, &vnet, sizeof vnet);
	return at;
}

static const struct tpacket_auxdata *auxdata(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
			return (const struct tpacket_auxdata *)CMSG_DATA(c);
	}
	return NULL;
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

/* Hands out the frame of `len` bytes, header included, in the next slot; false if it is none. */
static bool packet_take(struct burst *burst, struct port *port, uint8_t *at, uint32_t len,
			struct msghdr *message)
{
	if (len < VNET_HEADER_LEN + 12)
		return false;
	uint32_t frame_len = len - VNET_HEADER_LEN;
	const struct tpacket_auxdata *aux = auxdata(message);
	if (aux != NULL && (aux->tp_status & TP_STATUS_VLAN_VALID) != 0 &&
	    frame_len <= FRAME_BYTES_MAX - VLAN_TAG_LEN) {
		at = vlan_insert(at, aux);
		frame_len += VLAN_TAG_LEN;
	}
	burst_received(burst, port, at - VNET_HEADER_LEN, at, frame_len);
	return true;
}

static uint32_t packet_receive(struct burst *burst, struct port *port, uint32_t count)
{
	uint32_t received = 0;
	uint32_t fetch = FETCH_FIRST;
	struct mmsghdr headers[FETCH_MAX];
	struct iovec parts[FETCH_MAX];
	union auxdata_control controls[FETCH_MAX];
	while (received < count && burst->rx_bytes < BURST_BYTES_MAX) {
		uint32_t wanted = count - received < fetch ? count - received : fetch;
		uint32_t first = burst->rx_count;
		for (uint32_t index = 0; index < wanted; index++) {
			uint8_t *at = burst_slot(burst, first + index) + HEADROOM;
			parts[index] = (struct iovec){at - VNET_HEADER_LEN, VNET_HEADER_LEN + FRAME_BYTES_MAX};
			headers[index].msg_hdr = (struct msghdr){
				.msg_iov = &parts[index],
				.msg_iovlen = 1,
				.msg_control = &controls[index],
				.msg_controllen = sizeof controls[index],
			};
		}
		int fetched = recvmmsg(port->fd, headers, wanted, MSG_DONTWAIT, NULL);
		if (fetched < 0 && errno == EINTR)
			continue;
		if (fetched < 0) {
			if (errno != EAGAIN && is_interface_gone(port->fd))
				burst_lost_device(burst, port);
			port->is_drained = true;
			break;
		}
		uint32_t bytes_before = burst->rx_bytes;
		bool has_gap = false;
		for (int index = 0; index < fetched; index++) {
			uint8_t *at = (uint8_t *)parts[index].iov_base + VNET_HEADER_LEN;
			if (packet_take(burst, port, at, headers[index].msg_len, &headers[index].msg_hdr))
				received++;
			else
				has_gap = true;
		}
		/* Slots go by the number of frames: after one that was none, the next fetch would write over its neighbours. */
		if (has_gap)
			break;
		if ((uint32_t)fetched < wanted) {
			port->is_drained = true;
			break;
		}
		bool is_small = burst->rx_bytes - bytes_before < (uint32_t)fetched * FETCH_FRAME_BYTES;
		fetch = is_small ? FETCH_MAX : FETCH_FIRST;
	}
	return received;
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

static void packet_transmit(struct burst *burst, struct port *port, const struct outgoing *frames,
			    uint32_t count)
{
	struct mmsghdr messages[TX_MAX];
	struct iovec parts[TX_MAX][2];
	memset(messages, 0, count * sizeof messages[0]);
	for (uint32_t index = 0; index < count; index++) {
		parts[index][0] = (struct iovec){frames[index].vnet, VNET_HEADER_LEN};
		parts[index][1] = (struct iovec){frames[index].frame, frames[index].len};
		messages[index].msg_hdr.msg_iov = parts[index];
		messages[index].msg_hdr.msg_iovlen = 2;
	}
	uint32_t done = 0;
	while (done < count) {
		int sent = sendmmsg(port->fd, messages + done, count - done, MSG_DONTWAIT);
		if (sent > 0) {
			done += (uint32_t)sent;
		} else if (errno != EINTR) {
			count_error(burst, port, errno);
			done++;
		}
	}
}

static void packet_close(struct port *port)
{
	close(port->fd);
}

const struct port_kind packet_port = {
	.is_socket = true,
	.receive = packet_receive,
	.transmit = packet_transmit,
	.close = packet_close,
};
