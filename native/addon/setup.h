// The only file that includes the Node-API headers.
#pragma once

#ifndef NAPI_VERSION
#define NAPI_VERSION 8
#endif
// A worker that is being terminated cannot throw into JS any more; its calls end quietly instead of ending the process.
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS

#include <napi.h>
