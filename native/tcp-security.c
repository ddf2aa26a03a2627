/*
 * What Node cannot set on a TCP socket: signatures (RFC 2385) and TTL security (RFC 5082). Works on descriptors; whoever owns them closes
 * them.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "device.h"

#ifndef IP_MINTTL
#define IP_MINTTL 21
#endif
#ifndef IPV6_MINHOPCOUNT
#define IPV6_MINHOPCOUNT 73
#endif

int tcp_socket(bool is_ipv6, const char **failed)
{
	*failed = "socket";
	return socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int tcp_md5_key(int fd, const struct sockaddr *peer, socklen_t peer_len, uint8_t prefix_len, const uint8_t *key,
		size_t key_len, const char **failed)
{
	struct tcp_md5sig signature = {
		.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX,
		.tcpm_prefixlen = prefix_len,
		.tcpm_keylen = (uint16_t)key_len,
	};
	*failed = "TCP_MD5SIG";
	if (key_len > sizeof signature.tcpm_key) {
		errno = EINVAL;
		return -1;
	}
	memcpy(&signature.tcpm_addr, peer, peer_len);
	if (key_len > 0)
		memcpy(signature.tcpm_key, key, key_len);
	return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG_EXT, &signature, sizeof signature);
}

static bool is_ipv6_socket(int fd)
{
	int domain = AF_INET;
	socklen_t len = sizeof domain;
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	return domain == AF_INET6;
}

/* On a socket for both families the IPv4 option counts where the peer is mapped; it is refused where it cannot. */
static int hop_option(int fd, int ipv4, int ipv6, int value)
{
	if (!is_ipv6_socket(fd))
		return setsockopt(fd, IPPROTO_IP, ipv4, &value, sizeof value);
	setsockopt(fd, IPPROTO_IP, ipv4, &value, sizeof value);
	return setsockopt(fd, IPPROTO_IPV6, ipv6, &value, sizeof value);
}

int tcp_ttl(int fd, uint8_t ttl, const char **failed)
{
	*failed = "IP_TTL";
	return hop_option(fd, IP_TTL, IPV6_UNICAST_HOPS, ttl);
}

int tcp_ttl_min(int fd, uint8_t ttl, const char **failed)
{
	*failed = "IP_MINTTL";
	return hop_option(fd, IP_MINTTL, IPV6_MINHOPCOUNT, ttl);
}
