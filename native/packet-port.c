/*
 * AF_PACKET ports with PACKET_VNET_HDR on an existing interface: sendmmsg out, recvmsg in. The kernel takes a VLAN tag out of what it
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

static uint32_t packet_receive(struct burst *burst, struct port *port, uint32_t count)
{
	uint32_t received = 0;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	while (received < count && burst->rx_bytes < BURST_BYTES_MAX) {
		uint8_t *at = burst_slot(burst, burst->rx_count) + HEADROOM;
		struct iovec part = {at - VNET_HEADER_LEN, VNET_HEADER_LEN + FRAME_BYTES_MAX};
		struct msghdr message = {
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof control,
		};
		ssize_t len = recvmsg(port->fd, &message, MSG_DONTWAIT);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0) {
			if (errno != EAGAIN && is_interface_gone(port->fd))
				burst_lost_device(burst, port);
			port->is_drained = true;
			break;
		}
		if (len < VNET_HEADER_LEN + 12)
			continue;
		uint32_t frame_len = (uint32_t)len - VNET_HEADER_LEN;
		const struct tpacket_auxdata *aux = auxdata(&message);
		if (aux != NULL && (aux->tp_status & TP_STATUS_VLAN_VALID) != 0 &&
		    frame_len <= FRAME_BYTES_MAX - VLAN_TAG_LEN) {
			at = vlan_insert(at, aux);
			frame_len += VLAN_TAG_LEN;
		}
		burst_received(burst, port, at - VNET_HEADER_LEN, at, frame_len);
		received++;
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
