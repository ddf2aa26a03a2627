/*
 * The addon's exports; native/addon.ts gives their types, the files beside it their faces. Loaded by the main thread and by workers alike:
 * nothing here is global.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "burst-object.h"
#include "checksum.h"
#include "device.h"
#include "values.h"

static napi_value opened(napi_env env, int fd, const char *failed)
{
	return fd < 0 ? throw_errno(env, failed) : value_int32(env, fd);
}

/* openTap(name, namespacePath | null, mac | null, mustExist, isPersistent, isMultiQueue, hasOffload) */
static napi_value open_tap(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct text name, path;
	size_t mac_len = 0;
	struct tap_options options = {
		.name = argument_text(&arguments, 0, &name),
		.namespace_path = argument_text(&arguments, 1, &path),
		.mac = argument_bytes(&arguments, 2, &mac_len),
		.must_exist = argument_bool(&arguments, 3),
		.is_persistent = argument_bool(&arguments, 4),
		.is_multi_queue = argument_bool(&arguments, 5),
		.has_offload = argument_bool(&arguments, 6),
	};
	if (arguments.is_wrong)
		return NULL;
	if (options.name == NULL || (options.mac != NULL && mac_len != 6))
		return throw_type(env, "name and MAC of 6 bytes expected");
	struct tap_result tap = {0};
	const char *failed = "tap";
	int fd = tap_open(&options, &tap, &failed);
	if (fd < 0)
		return throw_errno(env, failed);
	napi_value result, flag, mac;
	void *mac_bytes;
	napi_create_object(env, &result);
	property_set(env, result, "fd", value_int32(env, fd));
	napi_get_boolean(env, tap.was_created, &flag);
	property_set(env, result, "wasCreated", flag);
	napi_get_boolean(env, tap.has_uso, &flag);
	property_set(env, result, "hasUso", flag);
	napi_create_arraybuffer(env, sizeof tap.mac, &mac_bytes, &mac);
	memcpy(mac_bytes, tap.mac, sizeof tap.mac);
	property_set(env, result, "mac", mac);
	return result;
}

/* deleteTap(name, namespacePath | null) */
static napi_value delete_tap(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct text name, path;
	const char *failed = "tap", *name_text = argument_text(&arguments, 0, &name);
	const char *path_text = argument_text(&arguments, 1, &path);
	if (arguments.is_wrong || name_text == NULL)
		return NULL;
	return tap_delete(name_text, path_text, &failed) < 0 ? throw_errno(env, failed)
							     : value_undefined(env);
}

/* probeTap() → bits: 1 TCP, 2 UDP super-frames may be written */
static napi_value probe_tap(napi_env env, napi_callback_info info)
{
	(void)info;
	const char *failed = "probe";
	return opened(env, tap_probe(&failed), failed);
}

/* openPacketSocket(name, namespacePath | null) → fd */
static napi_value open_packet_socket(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct text name, path;
	const char *failed = "packet socket", *name_text = argument_text(&arguments, 0, &name);
	const char *path_text = argument_text(&arguments, 1, &path);
	if (arguments.is_wrong || name_text == NULL)
		return NULL;
	return opened(env, packet_socket_open(name_text, path_text, &failed), failed);
}

/* listenTcp(address, port, backlog) → fd */
static napi_value listen_on(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct sockaddr_storage address;
	const char *failed = "listen";
	socklen_t len = argument_address(&arguments, 0, &address);
	int backlog = argument_int32(&arguments, 2);
	if (arguments.is_wrong)
		return NULL;
	return opened(env, listen_tcp((struct sockaddr *)&address, len, backlog, &failed), failed);
}

static napi_value done(napi_env env, int result, const char *failed)
{
	return result < 0 ? throw_errno(env, failed) : value_undefined(env);
}

/* openTcpSocket(isIpv6) → fd */
static napi_value open_tcp_socket(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	const char *failed = "socket";
	bool is_ipv6 = argument_bool(&arguments, 0);
	if (arguments.is_wrong)
		return NULL;
	return opened(env, tcp_socket(is_ipv6, &failed), failed);
}

/* setTcpMd5Key(fd, address, 0, prefixLen, key) */
static napi_value set_tcp_md5_key(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct sockaddr_storage peer;
	const char *failed = "TCP_MD5SIG";
	size_t key_len = 0;
	int fd = argument_int32(&arguments, 0);
	socklen_t peer_len = argument_address(&arguments, 1, &peer);
	uint32_t prefix_len = argument_uint32(&arguments, 3);
	const uint8_t *key = argument_bytes(&arguments, 4, &key_len);
	if (arguments.is_wrong)
		return NULL;
	int result = tcp_md5_key(fd, (struct sockaddr *)&peer, peer_len, (uint8_t)prefix_len, key, key_len, &failed);
	return done(env, result, failed);
}

/* setTtl(fd, ttl) */
static napi_value set_ttl(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	const char *failed = "IP_TTL";
	int fd = argument_int32(&arguments, 0);
	uint32_t ttl = argument_uint32(&arguments, 1);
	if (arguments.is_wrong)
		return NULL;
	return done(env, tcp_ttl(fd, (uint8_t)ttl, &failed), failed);
}

/* setTtlMin(fd, ttl) */
static napi_value set_ttl_min(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	const char *failed = "IP_MINTTL";
	int fd = argument_int32(&arguments, 0);
	uint32_t ttl = argument_uint32(&arguments, 1);
	if (arguments.is_wrong)
		return NULL;
	return done(env, tcp_ttl_min(fd, (uint8_t)ttl, &failed), failed);
}

/* setSocketFilter(fd, instructions): classic BPF, 8 bytes each, host order */
static napi_value set_socket_filter(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	const char *failed = "SO_ATTACH_FILTER";
	size_t len = 0;
	int fd = argument_int32(&arguments, 0);
	const uint8_t *instructions = argument_bytes(&arguments, 1, &len);
	if (arguments.is_wrong)
		return NULL;
	return done(env, socket_filter(fd, instructions, len / 8, &failed), failed);
}

/* openIngressFilter(name, namespacePath | null, instructions): as setSocketFilter's */
static napi_value open_ingress_filter(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct text name, path;
	const char *failed = "ingress filter";
	size_t len = 0;
	const char *interface = argument_text(&arguments, 0, &name);
	const char *namespace_path = argument_text(&arguments, 1, &path);
	const uint8_t *instructions = argument_bytes(&arguments, 2, &len);
	if (arguments.is_wrong)
		return NULL;
	if (interface == NULL || instructions == NULL)
		return throw_type(env, "name and instructions expected");
	return opened(env, ingress_filter_open(interface, namespace_path, instructions, len / 8, &failed), failed);
}

/* closeFd(fd) */
static napi_value close_fd(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	int fd = argument_int32(&arguments, 0);
	if (arguments.is_wrong)
		return NULL;
	return close(fd) < 0 ? throw_errno(env, "close") : value_undefined(env);
}

/* wake(fd): makes the exchange that waits on this eventfd return */
static napi_value wake(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	int fd = argument_int32(&arguments, 0);
	uint64_t one = 1;
	if (arguments.is_wrong)
		return NULL;
	/* EAGAIN: the counter is full, so a wake-up is pending already. */
	if (write(fd, &one, sizeof one) < 0 && errno != EAGAIN)
		return throw_errno(env, "wake");
	return value_undefined(env);
}

/* checksum(bytes) → RFC 1071 checksum, the number that belongs in the field */
static napi_value checksum(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	size_t len = 0;
	const uint8_t *bytes = argument_bytes(&arguments, 0, &len);
	if (arguments.is_wrong || len > CHECKSUM_BYTES_MAX)
		return arguments.is_wrong ? NULL : throw_type(env, "too many bytes to sum");
	uint16_t folded = (uint16_t)~checksum_fold(checksum_add(0, bytes, len));
	return value_uint32(env, __builtin_bswap16(folded));
}

NAPI_MODULE_INIT()
{
	function_set(env, exports, "openBurst", burst_object, NULL);
	function_set(env, exports, "openTap", open_tap, NULL);
	function_set(env, exports, "deleteTap", delete_tap, NULL);
	function_set(env, exports, "probeTap", probe_tap, NULL);
	function_set(env, exports, "openPacketSocket", open_packet_socket, NULL);
	function_set(env, exports, "listenTcp", listen_on, NULL);
	function_set(env, exports, "openTcpSocket", open_tcp_socket, NULL);
	function_set(env, exports, "setTcpMd5Key", set_tcp_md5_key, NULL);
	function_set(env, exports, "setTtl", set_ttl, NULL);
	function_set(env, exports, "setTtlMin", set_ttl_min, NULL);
	function_set(env, exports, "setSocketFilter", set_socket_filter, NULL);
	function_set(env, exports, "openIngressFilter", open_ingress_filter, NULL);
	function_set(env, exports, "closeFd", close_fd, NULL);
	function_set(env, exports, "wake", wake, NULL);
	function_set(env, exports, "checksum", checksum, NULL);
	return exports;
}
