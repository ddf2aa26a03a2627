/*
 * TAP devices (Documentation/networking/tuntap.rst): open or re-attach, delete, probe.
 *
 * A TAP descriptor belongs to the namespace that /dev/net/tun was opened in, and TUNSETIFF by name makes a new device there if there is
 * none. So everything happens inside the target namespace, and whoever re-attaches says so (must_exist) and gets ENODEV instead of
 * a second device under the same name.
 */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bytes.h"
#include "checksum.h"
#include "namespace.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define TCP_OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)

static int fail(int fd, const char *step, const char **failed)
{
	int error = errno;
	*failed = step;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

static bool name_set(struct ifreq *request, const char *name)
{
	memset(request, 0, sizeof *request);
	if (name[0] == '\0' || strlen(name) >= IFNAMSIZ || strchr(name, '%') != NULL) {
		errno = EINVAL;
		return false;
	}
	strcpy(request->ifr_name, name);
	return true;
}

static bool mac_set(int fd, const char *name, const uint8_t *mac)
{
	struct ifreq request;
	if (!name_set(&request, name))
		return false;
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(request.ifr_hwaddr.sa_data, mac, 6);
	return ioctl(fd, SIOCSIFHWADDR, &request) == 0;
}

static bool mac_get(int fd, const char *name, uint8_t *mac)
{
	struct ifreq request;
	if (!name_set(&request, name) || ioctl(fd, SIOCGIFHWADDR, &request) != 0)
		return false;
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return true;
}

static bool offload_set(int fd, bool has_offload, bool *has_uso)
{
	int header_len = VNET_HEADER_LEN;
	*has_uso = false;
	if (ioctl(fd, TUNSETVNETHDRSZ, &header_len) != 0)
		return false;
	if (!has_offload)
		return ioctl(fd, TUNSETOFFLOAD, 0) == 0;
	*has_uso = ioctl(fd, TUNSETOFFLOAD, TCP_OFFLOADS | TUN_F_USO4 | TUN_F_USO6) == 0;
	return *has_uso || ioctl(fd, TUNSETOFFLOAD, TCP_OFFLOADS) == 0;
}

/* In the namespace already. */
static int open_here(const struct tap_options *options, struct tap_result *result,
		     const char **failed)
{
	struct ifreq request;
	if (!name_set(&request, options->name))
		return fail(-1, "interface name", failed);
	bool exists = if_nametoindex(options->name) != 0;
	if (!exists && options->must_exist) {
		errno = ENODEV;
		return fail(-1, "if_nametoindex", failed);
	}
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return fail(fd, "open /dev/net/tun", failed);
	request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (options->is_multi_queue)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	if (ioctl(fd, TUNSETIFF, &request) != 0)
		return fail(fd, "TUNSETIFF", failed);
	if (!offload_set(fd, options->has_offload, &result->has_uso))
		return fail(fd, "TUNSETOFFLOAD", failed);
	if (options->mac != NULL && !mac_set(fd, options->name, options->mac))
		return fail(fd, "SIOCSIFHWADDR", failed);
	if (!mac_get(fd, options->name, result->mac))
		return fail(fd, "SIOCGIFHWADDR", failed);
	if (ioctl(fd, TUNSETPERSIST, options->is_persistent ? 1 : 0) != 0)
		return fail(fd, "TUNSETPERSIST", failed);
	result->was_created = !exists;
	return fd;
}

int tap_open(const struct tap_options *options, struct tap_result *result, const char **failed)
{
	namespace_home home;
	if (!namespace_enter(options->namespace_path, &home))
		return fail(-1, "setns", failed);
	int fd = open_here(options, result, failed);
	namespace_leave(home);
	return fd;
}

int tap_delete(const char *name, const char *namespace_path, const char **failed)
{
	struct tap_options options = {
		.name = name, .namespace_path = namespace_path, .must_exist = true};
	struct tap_result result;
	/* Attached without persistence, it goes when the descriptor does. */
	int fd = tap_open(&options, &result, failed);
	return fd < 0 ? -1 : close(fd);
}

#define PROBE_PAYLOAD 3000
#define PROBE_SEGMENT 1000

/* A super-frame of three segments, IPv4 192.0.2.1 → 192.0.2.2, behind its virtio_net_hdr. */
static size_t probe_frame(uint8_t *at, uint8_t protocol)
{
	bool is_tcp = protocol == PROTOCOL_TCP;
	uint16_t l4_header = is_tcp ? TCP_LEN : UDP_LEN;
	uint16_t l4_len = l4_header + PROBE_PAYLOAD;
	struct vnet_header vnet = {
		.flags = VNET_NEEDS_CSUM,
		.gso_type = is_tcp ? VNET_GSO_TCPV4 : VNET_GSO_UDP_L4,
		.hdr_len = ETHERNET_LEN + IPV4_LEN + l4_header,
		.gso_size = PROBE_SEGMENT,
		.csum_start = ETHERNET_LEN + IPV4_LEN,
		.csum_offset = is_tcp ? TCP_CSUM_AT : UDP_CSUM_AT,
	};
	memcpy(at, &vnet, sizeof vnet);
	uint8_t *ethernet = at + VNET_HEADER_LEN, *ip = ethernet + ETHERNET_LEN, *l4 = ip + IPV4_LEN;
	memset(ethernet, 2, 12);
	store16(ethernet + 12, ETHERTYPE_IPV4);
	memset(ip, 0, IPV4_LEN + l4_header);
	ip[0] = 0x45;
	store16(ip + 2, IPV4_LEN + l4_len);
	ip[8] = 1;
	ip[9] = protocol;
	store32(ip + 12, 0xc0000201);
	store32(ip + 16, 0xc0000202);
	checksum_store(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, IPV4_LEN)));
	store16(l4, 9);
	store16(l4 + 2, 9);
	if (is_tcp) {
		l4[12] = TCP_LEN / 4 << 4;
		l4[13] = 0x10;
	} else {
		store16(l4 + 4, l4_len);
	}
	checksum_store(l4 + vnet.csum_offset,
		       checksum_fold(checksum_pseudo(ip + 12, 8, protocol, l4_len)));
	memset(l4 + l4_header, 0, PROBE_PAYLOAD);
	return VNET_HEADER_LEN + ETHERNET_LEN + IPV4_LEN + (size_t)l4_len;
}

/* The device is down, so a header the kernel likes ends in EIO and one it does not in EINVAL. */
static bool probe_accepts(int fd, uint8_t protocol)
{
	uint8_t frame[VNET_HEADER_LEN + ETHERNET_LEN + IPV4_LEN + TCP_LEN + PROBE_PAYLOAD];
	size_t len = probe_frame(frame, protocol);
	return write(fd, frame, len) >= 0 || errno != EINVAL;
}

int tap_probe(const char **failed)
{
	struct tap_options options = {.name = "probe", .namespace_path = "", .has_offload = true};
	struct tap_result result;
	int fd = tap_open(&options, &result, failed);
	if (fd < 0)
		return -1;
	int accepted = probe_accepts(fd, PROTOCOL_TCP) ? TAP_SUPER_TCP : 0;
	if (result.has_uso && probe_accepts(fd, PROTOCOL_UDP))
		accepted |= TAP_SUPER_UDP;
	close(fd);
	return accepted;
}
