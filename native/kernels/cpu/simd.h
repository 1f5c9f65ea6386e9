// One vector of floats, as wide as the instruction set of this compilation: 16 (AVX-512), 8 (AVX2) or 4 (SSE2).
//
// Everything lies in an anonymous namespace and calls nothing of the standard library: see runtime.h for why.
#pragma once

#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include "native/kernels/cpu/runtime.h"
#include "native/kernels/ops.h"

#define ASTARPO_INLINE inline __attribute__((always_inline))

namespace astarpo::ASTARPO_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
#elif defined(__AVX2__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif

using Vec = float __attribute__((vector_size(kWidth * 4)));
using IVec = int32_t __attribute__((vector_size(kWidth * 4)));
using UVec = uint32_t __attribute__((vector_size(kWidth * 4)));
using HVec = uint16_t __attribute__((vector_size(kWidth * 2)));

template <class T>
ASTARPO_INLINE T minimum(T a, T b) {
  return b < a ? b : a;
}
template <class T>
ASTARPO_INLINE T maximum(T a, T b) {
  return a < b ? b : a;
}
ASTARPO_INLINE int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }
ASTARPO_INLINE int64_t round_down(int64_t value, int64_t unit) { return value / unit * unit; }
ASTARPO_INLINE int64_t divide_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit; }

ASTARPO_INLINE Vec splat(float value) { return value - Vec{}; }
ASTARPO_INLINE IVec splat_int(int32_t value) { return value - IVec{}; }

ASTARPO_INLINE Vec load(const float* from) {
  Vec value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}
ASTARPO_INLINE void store(float* to, Vec value) { __builtin_memcpy(to, &value, sizeof value); }

ASTARPO_INLINE Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

ASTARPO_INLINE Vec square_root(Vec a) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_sqrt_ps((__mmask16)-1, (__m512)a);  // the unmasked form warns in GCC 12
#elif defined(__AVX2__)
  return (Vec)_mm256_sqrt_ps((__m256)a);
#else
  return (Vec)_mm_sqrt_ps((__m128)a);
#endif
}

ASTARPO_INLINE IVec lane_index() {
  IVec index;
  for (int i = 0; i < kWidth; ++i) index[i] = i;
  return index;
}

// a where the lane's index is below count, else b.
ASTARPO_INLINE Vec first_lanes(int64_t count, Vec a, Vec b) { return lane_index() < splat_int((int32_t)count) ? a : b; }

// a in the lanes from `begin` up to `end`, else b.
ASTARPO_INLINE Vec lanes_between(int64_t begin, int64_t end, Vec a, Vec b) { return first_lanes(begin, b, first_lanes(end, a, b)); }

// Lanes from `count` on are 0 and not read from memory.
ASTARPO_INLINE Vec load_first(const float* from, int64_t count) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1u), from);
#else
  Vec value{};
  __builtin_memcpy(&value, from, (size_t)count * sizeof(float));
  return value;
#endif
}
ASTARPO_INLINE void store_first(float* to, Vec value, int64_t count) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1u), (__m512)value);
#else
  __builtin_memcpy(to, &value, (size_t)count * sizeof(float));
#endif
}

ASTARPO_INLINE Vec widen(HVec half) { return (Vec)(__builtin_convertvector(half, UVec) << 16); }
// Round to nearest even; NaN stays NaN.
ASTARPO_INLINE HVec narrow(Vec value) {
  const UVec bits = (UVec)value;
  const UVec rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const UVec quiet = (bits >> 16) | 0x40u;
  return __builtin_convertvector((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded, HVec);
}

// Memory of either kind. `first` variants touch `count` elements only.
template <Kind kind>
struct Memory;
template <>
struct Memory<Kind::f32> {
  using Element = float;
  static ASTARPO_INLINE Vec get(const float* from) { return load(from); }
  static ASTARPO_INLINE Vec get_first(const float* from, int64_t count) { return load_first(from, count); }
  static ASTARPO_INLINE void put(float* to, Vec value) { store(to, value); }
  static ASTARPO_INLINE void put_first(float* to, Vec value, int64_t count) { store_first(to, value, count); }
  static ASTARPO_INLINE float scalar(const float* from) { return *from; }
};
template <>
struct Memory<Kind::bf16> {
  using Element = uint16_t;
  static ASTARPO_INLINE Vec get(const uint16_t* from) {
    HVec half;
    __builtin_memcpy(&half, from, sizeof half);
    return widen(half);
  }
  static ASTARPO_INLINE Vec get_first(const uint16_t* from, int64_t count) {
    HVec half{};
    __builtin_memcpy(&half, from, (size_t)count * sizeof(uint16_t));
    return widen(half);
  }
  static ASTARPO_INLINE void put(uint16_t* to, Vec value) {
    const HVec half = narrow(value);
    __builtin_memcpy(to, &half, sizeof half);
  }
  static ASTARPO_INLINE void put_first(uint16_t* to, Vec value, int64_t count) {
    const HVec half = narrow(value);
    __builtin_memcpy(to, &half, (size_t)count * sizeof(uint16_t));
  }
  static ASTARPO_INLINE float scalar(const uint16_t* from) {
    const uint32_t bits = (uint32_t)*from << 16;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
  }
};

// Calls fn(Memory<kind>{}) for the kind at hand.
template <class Fn>
ASTARPO_INLINE void with_kind(Kind kind, Fn&& fn) {
  if (kind == Kind::f32) {
    fn(Memory<Kind::f32>{});
  } else {
    fn(Memory<Kind::bf16>{});
  }
}

// Runs body(offset, count) over [0, length) in steps of one vector; count is kWidth but for the last.
template <class Body>
ASTARPO_INLINE void for_vectors(int64_t length, Body&& body) {
  int64_t i = 0;
  for (; i + kWidth <= length; i += kWidth) body(i, (int64_t)kWidth);
  if (i < length) body(i, length - i);
}
template <class M>
ASTARPO_INLINE Vec get_some(const typename M::Element* from, int64_t count) {
  return count == kWidth ? M::get(from) : M::get_first(from, count);
}
template <class M>
ASTARPO_INLINE void put_some(typename M::Element* to, Vec value, int64_t count) {
  if (count == kWidth) {
    M::put(to, value);
  } else {
    M::put_first(to, value, count);
  }
}

ASTARPO_INLINE Vec load_some(const float* from, int64_t count) { return get_some<Memory<Kind::f32>>(from, count); }
ASTARPO_INLINE void store_some(float* to, Vec value, int64_t count) { put_some<Memory<Kind::f32>>(to, value, count); }

// Lanes in order; the same for every caller.
ASTARPO_INLINE float sum_lanes(Vec value) {
  float sum = 0;
  for (int i = 0; i < kWidth; ++i) sum += value[i];
  return sum;
}
ASTARPO_INLINE float max_lanes(Vec value) {
  float max = value[0];
  for (int i = 1; i < kWidth; ++i) max = maximum(max, value[i]);
  return max;
}

// e^x to about one unit in the last place (Cephes' reduction and polynomial). Below -87.3: 0. NaN stays NaN.
ASTARPO_INLINE Vec exponential(Vec x) {
  const Vec low = splat(-87.33654f), high = splat(88.3762626647949f);
  const IVec underflow = x < low;
  x = x > high ? high : x;
  x = underflow ? low : x;
  const Vec magic = splat(12582912.0f);  // 1.5 · 2^23: adding it rounds to an integer
  const Vec shifted = fma(x, splat(1.44269504088896341f), magic);
  const Vec n = shifted - magic;
  Vec r = fma(n, splat(-0.693359375f), x);
  r = fma(n, splat(2.12194440e-4f), r);
  Vec p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = fma(p, r * r, r + splat(1.0f));
  const Vec power = (Vec)(((IVec)shifted << 23) + splat_int(0x3f800000));
  return underflow ? Vec{} : p * power;
}

// Runs task(index) for every index in [0, tasks), on all threads.
template <class Task>
ASTARPO_INLINE void for_tasks(int64_t tasks, Task&& task) {
  struct Call {
    static void run(void* context, int64_t index) { (*static_cast<__typeof__(&task)>(context))(index); }
  };
  runtime::parallel(tasks, Call::run, (void*)&task);
}

// Below about this much work a second thread costs more than it brings, by far so where other processes keep it waiting: a token step of
// a small model stays on one.
constexpr double kWorthATask = 20000;  // nanoseconds

// The same for tasks that take so long together.
template <class Task>
ASTARPO_INLINE void for_tasks_worth(double nanoseconds, int64_t tasks, Task&& task) {
  if (nanoseconds < 2 * kWorthATask) {
    for (int64_t index = 0; index < tasks; ++index) task(index);
  } else {
    for_tasks(tasks, task);
  }
}

// Cuts [0, length) into runs worth about kWorthATask each and runs range(begin, end) on all threads.
template <class Range>
ASTARPO_INLINE void for_ranges(int64_t length, double nanoseconds_each, Range&& range) {
  const int64_t by_cost = (int64_t)((double)length * nanoseconds_each / kWorthATask);
  const int64_t tasks = maximum<int64_t>(1, minimum(by_cost, minimum(length, 4 * runtime::threads())));
  for_tasks(tasks, [&](int64_t task) { range(length * task / tasks, length * (task + 1) / tasks); });
}

}  // namespace
}  // namespace astarpo::ASTARPO_ISA
