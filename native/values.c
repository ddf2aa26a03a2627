/* JavaScript values in and out: see values.h. */
#include "values.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

struct arguments arguments_read(napi_env env, napi_callback_info info)
{
	struct arguments arguments = {.env = env};
	size_t count = ARGUMENTS_MAX;
	if (napi_get_cb_info(env, info, &count, arguments.values, NULL, &arguments.data) != napi_ok)
		arguments.is_wrong = true;
	return arguments;
}

napi_value throw_type(napi_env env, const char *message)
{
	napi_throw_type_error(env, NULL, message);
	return NULL;
}

static void wrong(struct arguments *arguments, const char *expected)
{
	if (!arguments->is_wrong)
		throw_type(arguments->env, expected);
	arguments->is_wrong = true;
}

uint32_t argument_uint32(struct arguments *arguments, size_t index)
{
	uint32_t value = 0;
	if (napi_get_value_uint32(arguments->env, arguments->values[index], &value) != napi_ok)
		wrong(arguments, "number expected");
	return value;
}

int32_t argument_int32(struct arguments *arguments, size_t index)
{
	int32_t value = 0;
	if (napi_get_value_int32(arguments->env, arguments->values[index], &value) != napi_ok)
		wrong(arguments, "number expected");
	return value;
}

double argument_double(struct arguments *arguments, size_t index)
{
	double value = 0;
	if (napi_get_value_double(arguments->env, arguments->values[index], &value) != napi_ok)
		wrong(arguments, "number expected");
	return value;
}

bool argument_bool(struct arguments *arguments, size_t index)
{
	bool value = false;
	if (napi_get_value_bool(arguments->env, arguments->values[index], &value) != napi_ok)
		wrong(arguments, "boolean expected");
	return value;
}

static bool is_null(const struct arguments *arguments, size_t index)
{
	napi_valuetype type = napi_undefined;
	napi_typeof(arguments->env, arguments->values[index], &type);
	return type == napi_null;
}

const char *argument_text(struct arguments *arguments, size_t index, struct text *text)
{
	size_t len = 0;
	if (is_null(arguments, index))
		return NULL;
	if (napi_get_value_string_utf8(arguments->env, arguments->values[index], text->bytes,
				       sizeof text->bytes, &len) != napi_ok ||
	    len + 1 >= sizeof text->bytes || strlen(text->bytes) != len)
		wrong(arguments, "string expected");
	return text->bytes;
}

uint8_t *argument_bytes(struct arguments *arguments, size_t index, size_t *len)
{
	napi_typedarray_type type;
	void *bytes = NULL;
	*len = 0;
	if (is_null(arguments, index))
		return NULL;
	if (napi_get_typedarray_info(arguments->env, arguments->values[index], &type, len, &bytes, NULL,
				     NULL) != napi_ok ||
	    type != napi_uint8_array)
		wrong(arguments, "Uint8Array expected");
	return bytes;
}

socklen_t argument_address(struct arguments *arguments, size_t index, struct sockaddr_storage *address)
{
	size_t len = 0;
	const uint8_t *bytes = argument_bytes(arguments, index, &len);
	in_port_t port = htons((uint16_t)argument_uint32(arguments, index + 1));
	memset(address, 0, sizeof *address);
	if (bytes != NULL && len == 4) {
		struct sockaddr_in *ipv4 = (struct sockaddr_in *)address;
		*ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
		memcpy(&ipv4->sin_addr, bytes, len);
		return sizeof *ipv4;
	}
	if (bytes != NULL && len == 16) {
		struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)address;
		*ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
		memcpy(&ipv6->sin6_addr, bytes, len);
		return sizeof *ipv6;
	}
	wrong(arguments, "address of 4 or 16 bytes expected");
	return 0;
}

napi_value throw_errno(napi_env env, const char *step)
{
	int number = errno;
	const char *name = strerrorname_np(number);
	char message[256];
	napi_value code, text, error;
	if (name == NULL)
		name = "UNKNOWN";
	snprintf(message, sizeof message, "%s: %s (%s)", step, strerror(number), name);
	napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code);
	napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text);
	napi_create_error(env, code, text, &error);
	property_set(env, error, "errno", value_int32(env, -number));
	napi_create_string_utf8(env, step, NAPI_AUTO_LENGTH, &text);
	property_set(env, error, "syscall", text);
	napi_throw(env, error);
	return NULL;
}

napi_value value_uint32(napi_env env, uint32_t value)
{
	napi_value result = NULL;
	napi_create_uint32(env, value, &result);
	return result;
}

napi_value value_int32(napi_env env, int32_t value)
{
	napi_value result = NULL;
	napi_create_int32(env, value, &result);
	return result;
}

napi_value value_undefined(napi_env env)
{
	napi_value result = NULL;
	napi_get_undefined(env, &result);
	return result;
}

void property_set(napi_env env, napi_value object, const char *name, napi_value value)
{
	napi_set_named_property(env, object, name, value);
}

void function_set(napi_env env, napi_value object, const char *name, napi_callback callback, void *data)
{
	napi_value function = NULL;
	napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, data, &function);
	property_set(env, object, name, function);
}
