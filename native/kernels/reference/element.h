// Element access for the reference kernels: any Kind in, double out, and back with one rounding (to nearest even).
#pragma once

#include <cstdint>
#include <cstring>

#include "native/kernels/ops.h"

namespace astarpo::reference {

inline double load(const void* data, Kind kind, int64_t index) {
  if (kind == Kind::f32) return static_cast<const float*>(data)[index];
  const uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t*>(data)[index]) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline uint16_t to_bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);  // NaN stays NaN
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline void store(void* data, Kind kind, int64_t index, double value) {
  if (kind == Kind::f32) {
    static_cast<float*>(data)[index] = static_cast<float>(value);
  } else {
    static_cast<uint16_t*>(data)[index] = to_bf16(static_cast<float>(value));
  }
}

}  // namespace astarpo::reference
