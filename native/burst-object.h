/* A burst as a JavaScript object; native/addon.ts describes its methods. */
#ifndef WEFT_BURST_OBJECT_H
#define WEFT_BURST_OBJECT_H

#include <node_api.h>

napi_value burst_object(napi_env env, napi_callback_info info);

#endif
