/*
 * Opening what frames come through: TAP devices, packet sockets, and listening sockets. Each returns a descriptor (≥ 0, close-on-exec,
 * non-blocking) or −1 with errno and the failed step's name in `failed`.
 */
#ifndef WEFT_DEVICE_H
#define WEFT_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct tap_options {
	const char *name;
	const char *namespace_path; /* NULL: the caller's */
	const uint8_t *mac;	    /* 6 bytes; NULL: the kernel's choice, or as it is */
	bool must_exist;	    /* attach only: never make a device */
	bool is_persistent;
	bool is_multi_queue;
	bool has_offload;
};

struct tap_result {
	bool was_created;
	bool has_uso; /* UDP super-frames are accepted too (Linux ≥ 6.2) */
	uint8_t mac[6];
};

int tap_open(const struct tap_options *options, struct tap_result *result, const char **failed);
/* 0, or −1: the device must exist and have nobody attached. */
int tap_delete(const char *name, const char *namespace_path, const char **failed);

/*
 * Does this kernel accept super-frames written to a TAP? Tried on a device in a namespace of its own, which vanishes with it. −1 if
 * that could not be found out.
 */
enum { TAP_SUPER_TCP = 1, TAP_SUPER_UDP = 2 };
int tap_probe(const char **failed);

int packet_socket_open(const char *name, const char *namespace_path, const char **failed);
/* Attaches `count` instructions of classic BPF (struct sock_filter) to a socket. */
int socket_filter(int fd, const uint8_t *instructions, size_t count, const char **failed);

/*
 * From now on, until the descriptor is closed, the kernel's own stack gets of the interface's frames those that the program wants: a
 * return of 0 keeps a frame from it (ingress-filter.c). Packet sockets see all frames as before. EINVAL where the kernel is too old.
 */
int ingress_filter_open(const char *name, const char *namespace_path, const uint8_t *instructions, size_t count,
			const char **failed);

/* Binds to `address`; receive: UDP_GRO on; send: UDP_SEGMENT is per message. */
int uplink_receive_socket(const struct sockaddr *address, socklen_t len, const char **failed);
/* Binds to `address` with the first free port counting up from its own; the socket accepts nothing. */
int uplink_send_socket(struct sockaddr *address, socklen_t len, const char **failed);

int listen_tcp(const struct sockaddr *address, socklen_t len, int backlog, const char **failed);

/* A TCP socket that is neither bound nor connected. */
int tcp_socket(bool is_ipv6, const char **failed);
/* Segments to and from peers of this prefix are signed with the key, at most 80 bytes; no bytes take the key away. The port is ignored. */
int tcp_md5_key(int fd, const struct sockaddr *peer, socklen_t peer_len, uint8_t prefix_len, const uint8_t *key,
		size_t key_len, const char **failed);
/* Of what is sent, and the least that is accepted: TTL or hop limit. */
int tcp_ttl(int fd, uint8_t ttl, const char **failed);
int tcp_ttl_min(int fd, uint8_t ttl, const char **failed);

#endif
