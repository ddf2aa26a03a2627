/*
 * A burst as a JavaScript object: its methods are functions bound to the burst by their data pointer, its arena an external ArrayBuffer.
 *
 * The ArrayBuffer may outlive close(), so the arena is unmapped by the ArrayBuffer's own finalizer; the burst itself ends with close()
 * or, forgotten, with its object.
 */
#include "burst-object.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "device.h"
#include "namespace.h"
#include "ports.h"
#include "values.h"

struct handle {
	struct burst *burst; /* NULL: closed */
};

/* The burst of a method call, or NULL with an exception thrown. */
static struct burst *burst_of(struct arguments *arguments)
{
	struct handle *handle = arguments->data;
	if (!arguments->is_wrong && handle->burst == NULL) {
		throw_type(arguments->env, "burst is closed");
		arguments->is_wrong = true;
	}
	return arguments->is_wrong ? NULL : handle->burst;
}

static napi_value exchange(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	uint32_t tx_count = argument_uint32(&arguments, 0);
	int32_t timeout_ms = argument_int32(&arguments, 1);
	struct burst *burst = burst_of(&arguments);
	return burst == NULL ? NULL : value_int32(env, burst_exchange(burst, tx_count, timeout_ms));
}

static napi_value attached(napi_env env, int index, int fd)
{
	if (index >= 0)
		return value_int32(env, index);
	int error = errno;
	close(fd);
	errno = error;
	return throw_errno(env, "attach");
}

/* attachTap(fd, hasOffload, hasUso) → port; the descriptor is the burst's from now on. */
static napi_value attach_tap(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	int fd = argument_int32(&arguments, 0);
	bool has_offload = argument_bool(&arguments, 1), has_uso = argument_bool(&arguments, 2);
	struct burst *burst = burst_of(&arguments);
	if (burst == NULL)
		return NULL;
	return attached(env, burst_attach(burst, &tap_port, fd, has_offload, has_uso, NULL), fd);
}

/* attachPacketSocket(fd) → port. What the interface cannot do the kernel does. */
static napi_value attach_packet_socket(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	int fd = argument_int32(&arguments, 0);
	struct burst *burst = burst_of(&arguments);
	if (burst == NULL)
		return NULL;
	return attached(env, packet_attach(burst, fd), fd);
}

static void close_all(int receive_fd, const int *fds, uint32_t count)
{
	int error = errno;
	if (receive_fd >= 0)
		close(receive_fd);
	for (uint32_t index = 0; index < count; index++)
		close(fds[index]);
	errno = error;
}

/* Opens all sockets of an uplink, or as many as it can; *failed names the step that could not. */
static void uplink_open(struct sockaddr_storage *address, socklen_t len, uint16_t send_port,
			uint32_t send_count, struct uplink_sockets *sockets, const char **failed)
{
	struct sockaddr *bound = (struct sockaddr *)address;
	sockets->receive_fd = uplink_receive_socket(bound, len, failed);
	/* The port is at the same place in sockaddr_in6. */
	((struct sockaddr_in *)address)->sin_port = htons(send_port);
	while (sockets->receive_fd >= 0 && sockets->send_count < send_count) {
		int fd = uplink_send_socket(bound, len, failed);
		if (fd < 0)
			return;
		sockets->send_fds[sockets->send_count++] = fd;
	}
}

/* attachUplink(namespacePath | null, address, port, sendPort, sendCount, hasOffload, hasUso) → port */
static napi_value attach_uplink(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct text path;
	struct sockaddr_storage address;
	const char *namespace_path = argument_text(&arguments, 0, &path);
	socklen_t len = argument_address(&arguments, 1, &address);
	uint16_t send_port = (uint16_t)argument_uint32(&arguments, 3);
	uint32_t send_count = argument_uint32(&arguments, 4);
	bool has_offload = argument_bool(&arguments, 5), has_uso = argument_bool(&arguments, 6);
	struct burst *burst = burst_of(&arguments);
	if (burst == NULL)
		return NULL;
	if (send_count < 1 || send_count > SENDERS_MAX)
		return throw_type(env, "number of senders out of range");
	const char *failed = "attach";
	struct uplink_sockets sockets = {.receive_fd = -1};
	namespace_home home;
	if (!namespace_enter(namespace_path, &home))
		return throw_errno(env, "setns");
	uplink_open(&address, len, send_port, send_count, &sockets, &failed);
	namespace_leave(home);
	int index = -1;
	if (sockets.receive_fd >= 0 && sockets.send_count == send_count)
		index = uplink_attach(burst, &sockets, has_offload, has_uso);
	if (index < 0) {
		close_all(sockets.receive_fd, sockets.send_fds, sockets.send_count);
		return throw_errno(env, failed);
	}
	return value_int32(env, index);
}

static struct port *port_of(struct arguments *arguments, struct burst *burst)
{
	uint32_t index = argument_uint32(arguments, 0);
	struct port *port = arguments->is_wrong ? NULL : burst_port(burst, index);
	if (port == NULL && !arguments->is_wrong) {
		throw_type(arguments->env, "no such port");
		arguments->is_wrong = true;
	}
	return port;
}

static napi_value detach(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct burst *burst = burst_of(&arguments);
	struct port *port = burst == NULL ? NULL : port_of(&arguments, burst);
	if (port != NULL)
		burst_detach(burst, port->index);
	return value_undefined(env);
}

/* transmitDrops(port) → [queue full, failed, offload invalid] */
static napi_value transmit_drops(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct burst *burst = burst_of(&arguments);
	struct port *port = burst == NULL ? NULL : port_of(&arguments, burst);
	napi_value counts = NULL;
	if (port == NULL || napi_create_array_with_length(env, TRANSMIT_DROPS, &counts) != napi_ok)
		return NULL;
	for (uint32_t drop = 0; drop < TRANSMIT_DROPS; drop++) {
		napi_value count = NULL;
		napi_create_double(env, (double)port->drops[drop], &count);
		napi_set_element(env, counts, drop, count);
	}
	return counts;
}

static napi_value receive_drops(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct burst *burst = burst_of(&arguments);
	struct port *port = burst == NULL ? NULL : port_of(&arguments, burst);
	return port == NULL ? NULL : value_uint32(env, burst_receive_drops(port));
}

static napi_value is_gone(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct burst *burst = burst_of(&arguments);
	struct port *port = burst == NULL ? NULL : port_of(&arguments, burst);
	napi_value result = NULL;
	if (port != NULL)
		napi_get_boolean(env, port->is_gone, &result);
	return result;
}

/* setPeer(peer, address, udpPort) */
static napi_value set_peer(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct sockaddr_storage address;
	uint32_t peer = argument_uint32(&arguments, 0);
	socklen_t len = argument_address(&arguments, 1, &address);
	struct burst *burst = burst_of(&arguments);
	if (burst != NULL && !burst_set_peer(burst, peer, (struct sockaddr *)&address, len))
		return throw_type(env, "peer index out of range");
	return value_undefined(env);
}

/* setShaping(port, outboundBytesPerSec, inboundBytesPerSec, weight); 0: no limit, no part of the link */
static napi_value set_shaping(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct burst *burst = burst_of(&arguments);
	struct port *port = burst == NULL ? NULL : port_of(&arguments, burst);
	struct shaping shaping = {
		.outbound_bytes_per_sec = argument_double(&arguments, 1),
		.inbound_bytes_per_sec = argument_double(&arguments, 2),
		.weight = argument_uint32(&arguments, 3),
	};
	if (port == NULL || arguments.is_wrong)
		return NULL;
	if (!(shaping.outbound_bytes_per_sec >= 0) || !(shaping.inbound_bytes_per_sec >= 0) ||
	    shaping.weight > WEIGHT_MAX)
		return throw_type(env, "limit out of range");
	if (!shaper_set(burst, port, &shaping)) {
		errno = ENOMEM;
		return throw_errno(env, "setShaping");
	}
	return value_undefined(env);
}

/* setLink(bytesPerSec) of all ports with a weight together; 0: no limit */
static napi_value set_link(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	double bytes_per_sec = argument_double(&arguments, 0);
	struct burst *burst = burst_of(&arguments);
	if (burst == NULL)
		return NULL;
	if (!(bytes_per_sec >= 0))
		return throw_type(env, "limit out of range");
	burst_set_link(burst, bytes_per_sec);
	return value_undefined(env);
}

/* waitingDrops(port): frames that a limit's queue had no room for */
static napi_value waiting_drops(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct burst *burst = burst_of(&arguments);
	struct port *port = burst == NULL ? NULL : port_of(&arguments, burst);
	napi_value count = NULL;
	if (port == NULL)
		return NULL;
	uint64_t dropped = port->dropped_waiting + (port->shaper == NULL ? 0 : port->shaper->dropped);
	napi_create_double(env, (double)dropped, &count);
	return count;
}

static napi_value close_burst(napi_env env, napi_callback_info info)
{
	struct arguments arguments = arguments_read(env, info);
	struct handle *handle = arguments.data;
	if (handle->burst != NULL)
		burst_close(handle->burst);
	handle->burst = NULL;
	return value_undefined(env);
}

static void handle_finalize(napi_env env, void *data, void *hint)
{
	(void)env, (void)hint;
	struct handle *handle = data;
	if (handle->burst != NULL)
		burst_close(handle->burst);
	free(handle);
}

static void arena_finalize(napi_env env, void *arena, void *hint)
{
	(void)env;
	burst_unmap(arena, (size_t)hint);
}

static void numbers_set(napi_env env, napi_value object, const struct burst *burst)
{
	property_set(env, object, "wakeFd", value_int32(env, burst->wake_fd));
	property_set(env, object, "txAt", value_uint32(env, (uint32_t)((uint8_t *)burst->tx - burst->arena)));
	property_set(env, object, "scratchAt", value_uint32(env, burst->scratch_at));
	property_set(env, object, "scratchBytes", value_uint32(env, SCRATCH_BYTES));
	property_set(env, object, "burstMax", value_uint32(env, BURST_MAX));
	property_set(env, object, "txMax", value_uint32(env, TX_MAX));
	property_set(env, object, "rxStride", value_uint32(env, RX_STRIDE));
	property_set(env, object, "txStride", value_uint32(env, TX_STRIDE));
	property_set(env, object, "headroom", value_uint32(env, HEADROOM));
}

napi_value burst_object(napi_env env, napi_callback_info info)
{
	(void)info;
	static const struct {
		const char *name;
		napi_callback callback;
	} methods[] = {
		{"exchange", exchange},
		{"attachTap", attach_tap},
		{"attachPacketSocket", attach_packet_socket},
		{"attachUplink", attach_uplink},
		{"detach", detach},
		{"transmitDrops", transmit_drops},
		{"receiveDrops", receive_drops},
		{"isGone", is_gone},
		{"setPeer", set_peer},
		{"setShaping", set_shaping},
		{"setLink", set_link},
		{"waitingDrops", waiting_drops},
		{"close", close_burst},
	};
	struct handle *handle = calloc(1, sizeof *handle);
	if (handle == NULL || (handle->burst = burst_open()) == NULL) {
		free(handle);
		return throw_errno(env, "burst");
	}
	struct burst *burst = handle->burst;
	napi_value object = NULL, arena = NULL;
	if (napi_create_external_arraybuffer(env, burst->arena, burst->arena_bytes, arena_finalize,
					     (void *)burst->arena_bytes, &arena) != napi_ok ||
	    napi_create_object(env, &object) != napi_ok) {
		handle_finalize(env, handle, NULL);
		return throw_type(env, "external ArrayBuffers are not allowed in this process");
	}
	for (size_t index = 0; index < sizeof methods / sizeof methods[0]; index++)
		function_set(env, object, methods[index].name, methods[index].callback, handle);
	property_set(env, object, "arena", arena);
	numbers_set(env, object, burst);
	napi_wrap(env, object, handle, handle_finalize, NULL, NULL);
	return object;
}
