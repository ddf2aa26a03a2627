/*
 * Making and closing an uplink port: see uplink.h.
 */
#include "uplink.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void uplink_close(struct port *port)
{
	struct uplink *uplink = port->state;
	close(port->fd);
	for (uint32_t index = 0; index < uplink->sender_count; index++)
		close(uplink->senders[index].fd);
	uplink->burst->uplinks[uplink->slot] = NULL;
	free(uplink->senders);
	free(uplink);
}

static uint32_t uplink_receive_drops(const struct port *port)
{
	return burst_socket_drops(port->fd);
}

const struct port_kind uplink_port = {
	.receive = uplink_receive,
	.receive_drops = uplink_receive_drops,
	.transmit = uplink_transmit,
	.flush = uplink_flush,
	.close = uplink_close,
};

static struct uplink *uplink_new(struct burst *burst, const struct uplink_sockets *sockets)
{
	struct uplink *uplink = calloc(1, sizeof *uplink);
	if (uplink == NULL)
		return NULL;
	uplink->senders = calloc(sockets->send_count, sizeof *uplink->senders);
	if (uplink->senders == NULL) {
		free(uplink);
		return NULL;
	}
	uplink->burst = burst;
	uplink->sender_count = sockets->send_count;
	for (uint32_t index = 0; index < sockets->send_count; index++) {
		uplink->senders[index].fd = sockets->send_fds[index];
		uplink->senders[index].has_segmentation = true;
	}
	return uplink;
}

int uplink_attach(struct burst *burst, const struct uplink_sockets *sockets, bool has_offload,
		  bool has_uso)
{
	uint32_t slot = 0;
	while (slot < UPLINKS_MAX && burst->uplinks[slot] != NULL)
		slot++;
	if (slot == UPLINKS_MAX || sockets->send_count == 0 || sockets->send_count > SENDERS_MAX) {
		errno = slot == UPLINKS_MAX ? ENOSPC : EINVAL;
		return -1;
	}
	struct uplink *uplink = uplink_new(burst, sockets);
	if (uplink == NULL)
		return -1;
	uplink->slot = slot;
	int index = burst_attach(burst, &uplink_port, sockets->receive_fd, has_offload, has_uso, uplink);
	if (index < 0) {
		free(uplink->senders);
		free(uplink);
		return -1;
	}
	burst->uplinks[slot] = burst_port(burst, (uint32_t)index);
	return index;
}
