// One tag per kind of handle, so that a wrong object, or a handle of another kind, is an error and never a wild pointer.
#pragma once

#include "native/addon/setup.h"

namespace astarpo {

struct Model;
struct SequenceState;
struct PassState;
struct RowsState;
struct AbortState;

template <class T>
struct HandleKind;

template <>
struct HandleKind<Model> {
  static constexpr const char* name = "model";
  static constexpr napi_type_tag tag{0x9c1f5b6a2d7e4f01, 0xb8d3a6e5c4f21701};
};
template <>
struct HandleKind<SequenceState> {
  static constexpr const char* name = "sequence";
  static constexpr napi_type_tag tag{0x9c1f5b6a2d7e4f01, 0xb8d3a6e5c4f21702};
};
template <>
struct HandleKind<PassState> {
  static constexpr const char* name = "pass";
  static constexpr napi_type_tag tag{0x9c1f5b6a2d7e4f01, 0xb8d3a6e5c4f21703};
};
template <>
struct HandleKind<RowsState> {
  static constexpr const char* name = "rows";
  static constexpr napi_type_tag tag{0x9c1f5b6a2d7e4f01, 0xb8d3a6e5c4f21704};
};
template <>
struct HandleKind<AbortState> {
  static constexpr const char* name = "abort";
  static constexpr napi_type_tag tag{0x9c1f5b6a2d7e4f01, 0xb8d3a6e5c4f21705};
};

}  // namespace astarpo
