/*
 * JavaScript values in and out. The TypeScript faces have checked types already; what is read here is checked again, and a value of
 * the wrong kind throws a TypeError.
 */
#ifndef WEFT_VALUES_H
#define WEFT_VALUES_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ARGUMENTS_MAX 8
#define TEXT_MAX 4096

struct arguments {
	napi_env env;
	napi_value values[ARGUMENTS_MAX];
	void *data;
	bool is_wrong; /* an exception is pending */
};

struct text {
	bool is_null;
	char bytes[TEXT_MAX];
};

struct arguments arguments_read(napi_env env, napi_callback_info info);

/* Each returns a harmless value after the first wrong one. */
uint32_t argument_uint32(struct arguments *arguments, size_t index);
int32_t argument_int32(struct arguments *arguments, size_t index);
double argument_double(struct arguments *arguments, size_t index);
bool argument_bool(struct arguments *arguments, size_t index);
/* A string or null. */
const char *argument_text(struct arguments *arguments, size_t index, struct text *text);
/* A Uint8Array or null; its bytes stay valid for the call. */
uint8_t *argument_bytes(struct arguments *arguments, size_t index, size_t *len);
/* 4 or 16 bytes at `index` and a port at `index + 1`. */
socklen_t argument_address(struct arguments *arguments, size_t index, struct sockaddr_storage *address);

/* Throws an Error like Node's own: code 'EBUSY', errno, syscall. Returns NULL. */
napi_value throw_errno(napi_env env, const char *step);
napi_value throw_type(napi_env env, const char *message);

napi_value value_uint32(napi_env env, uint32_t value);
napi_value value_int32(napi_env env, int32_t value);
napi_value value_undefined(napi_env env);
void property_set(napi_env env, napi_value object, const char *name, napi_value value);
void function_set(napi_env env, napi_value object, const char *name, napi_callback callback, void *data);

#endif
