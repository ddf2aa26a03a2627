/*
 * Sockets with options Node does not have: packet sockets with a virtio_net_hdr, the UDP sockets of an uplink, and a TCP listener that
 * another process can inherit.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "namespace.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef UDP_NO_CHECK6_RX
#define UDP_NO_CHECK6_RX 102
#endif
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

/* Trains of 64 KiB wait here while the forwarding loop is busy elsewhere: about 10 ms of 25 Gbit/s. */
#define RECEIVE_BUFFER_BYTES (32 * 1024 * 1024)
#define SEND_BUFFER_BYTES (8 * 1024 * 1024)
#define SEND_PORTS_TRIED 1024
#define FILTER_INSTRUCTIONS_MAX 256

static int fail(int fd, const char *step, const char **failed)
{
	int error = errno;
	*failed = step;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

static bool option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/* Beyond net.core.*mem_max as root, up to it otherwise. */
static void buffer_size(int fd, int forced, int plain, int bytes)
{
	if (!option(fd, SOL_SOCKET, forced, bytes))
		option(fd, SOL_SOCKET, plain, bytes);
}

static int packet_socket_here(const char *name, const char **failed)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	if (address.sll_ifindex == 0)
		return fail(-1, "if_nametoindex", failed);
	/* Protocol 0: nothing is received before bind() names the interface. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(fd, "socket AF_PACKET", failed);
	if (!option(fd, SOL_PACKET, PACKET_VNET_HDR, 1))
		return fail(fd, "PACKET_VNET_HDR", failed);
	if (!option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1))
		return fail(fd, "PACKET_IGNORE_OUTGOING", failed);
	if (!option(fd, SOL_PACKET, PACKET_AUXDATA, 1))
		return fail(fd, "PACKET_AUXDATA", failed);
	buffer_size(fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
	buffer_size(fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER_BYTES);
	struct packet_mreq promiscuous = {
		.mr_ifindex = address.sll_ifindex,
		.mr_type = PACKET_MR_PROMISC,
	};
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) != 0)
		return fail(fd, "PACKET_MR_PROMISC", failed);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
		return fail(fd, "bind", failed);
	return fd;
}

int packet_socket_open(const char *name, const char *namespace_path, const char **failed)
{
	namespace_home home;
	if (!namespace_enter(namespace_path, &home))
		return fail(-1, "setns", failed);
	int fd = packet_socket_here(name, failed);
	namespace_leave(home);
	return fd;
}

int socket_filter(int fd, const uint8_t *instructions, size_t count, const char **failed)
{
	struct sock_filter copy[FILTER_INSTRUCTIONS_MAX];
	struct sock_fprog program = {.len = (unsigned short)count, .filter = copy};
	*failed = "SO_ATTACH_FILTER";
	if (count == 0 || count > FILTER_INSTRUCTIONS_MAX) {
		errno = EINVAL;
		return -1;
	}
	memcpy(copy, instructions, count * sizeof copy[0]);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int udp_socket(const struct sockaddr *address, const char **failed)
{
	int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(fd, "socket", failed);
	if (address->sa_family == AF_INET6 && !option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
		return fail(fd, "IPV6_V6ONLY", failed);
	return fd;
}

int uplink_receive_socket(const struct sockaddr *address, socklen_t len, const char **failed)
{
	int fd = udp_socket(address, failed);
	if (fd < 0)
		return fd;
	/* RFC 7348 §5: a VXLAN packet may come with a zero UDP checksum, RFC 6935 over IPv6 too. */
	if (address->sa_family == AF_INET6 && !option(fd, SOL_UDP, UDP_NO_CHECK6_RX, 1))
		return fail(fd, "UDP_NO_CHECK6_RX", failed);
	/* Without it every datagram comes alone: slower, not wrong. */
	option(fd, SOL_UDP, UDP_GRO, 1);
	buffer_size(fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
	if (bind(fd, address, len) != 0)
		return fail(fd, "bind", failed);
	return fd;
}

static in_port_t *port_of(struct sockaddr *address)
{
	return address->sa_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port
					      : &((struct sockaddr_in *)address)->sin_port;
}

int uplink_send_socket(struct sockaddr *address, socklen_t len, const char **failed)
{
	int fd = udp_socket(address, failed);
	if (fd < 0)
		return fd;
	/* RFC 7348 §4.3: a VTEP does not fragment; what is too big for the path is an error, and counted. */
	bool is_ipv6 = address->sa_family == AF_INET6;
	if (!option(fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ipv6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
		    is_ipv6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO))
		return fail(fd, "MTU_DISCOVER", failed);
	struct sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = {.len = 1, .filter = &drop_all};
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0)
		return fail(fd, "SO_ATTACH_FILTER", failed);
	buffer_size(fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER_BYTES);
	in_port_t *port = port_of(address);
	for (int tried = 0; tried < SEND_PORTS_TRIED; tried++) {
		if (bind(fd, address, len) == 0)
			return fd;
		if (errno != EADDRINUSE)
			break;
		*port = htons((in_port_t)(ntohs(*port) + 1));
	}
	return fail(fd, "bind", failed);
}

int listen_tcp(const struct sockaddr *address, socklen_t len, int backlog, const char **failed)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(fd, "socket", failed);
	if (!option(fd, SOL_SOCKET, SO_REUSEADDR, 1))
		return fail(fd, "SO_REUSEADDR", failed);
	if (bind(fd, address, len) != 0)
		return fail(fd, "bind", failed);
	if (listen(fd, backlog) != 0)
		return fail(fd, "listen", failed);
	return fd;
}
