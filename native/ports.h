/*
 * The kinds of port a burst can have. Each kind's state is made by its own open function and freed by its close.
 */
#ifndef WEFT_PORTS_H
#define WEFT_PORTS_H

#include "burst.h"

extern const struct port_kind tap_port;
extern const struct port_kind uplink_port;

/* Takes over a packet socket that is bound to its interface; −1 with errno on failure, then it still belongs to the caller. */
int packet_attach(struct burst *burst, int fd);

#define SENDERS_MAX 32

/* Sockets of one uplink; all are owned by the state once it exists. */
struct uplink_sockets {
	int receive_fd;
	int send_fds[SENDERS_MAX];
	uint32_t send_count;
};

/* −1 with errno on failure; the descriptors then still belong to the caller. */
int uplink_attach(struct burst *burst, const struct uplink_sockets *sockets, bool has_offload,
		  bool has_uso);

#endif
