// Shared by the kernel tests: the tables this processor can run, buffers of either kind, and a comparison with a tolerance.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "native/kernels/ops.h"
#include "native/kernels/reference/element.h"

namespace astarpo {
namespace avx512 {
const Ops& ops();
}
namespace avx2 {
const Ops& ops();
}
namespace baseline {
const Ops& ops();
}

namespace test {

inline std::vector<const Ops*> cpu_tables() {
  std::vector<const Ops*> tables{&baseline::ops()};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) tables.push_back(&avx2::ops());
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    tables.push_back(&avx512::ops());
  }
  return tables;
}

// SplitMix64: small and the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  float between(double low, double high) { return static_cast<float>(low + (high - low) * uniform()); }
  int64_t integer(int64_t low, int64_t high) { return low + static_cast<int64_t>(bits() % static_cast<uint64_t>(high - low + 1)); }
  template <class T>
  T one_of(std::initializer_list<T> choices) {
    return choices.begin()[integer(0, static_cast<int64_t>(choices.size()) - 1)];
  }

 private:
  uint64_t state_;
};

// Numbers of one kind, with guard elements on both sides: check_guards() fails if a kernel wrote outside.
class Buffer {
 public:
  Buffer(Kind kind, int64_t size, double value = 0.0)
      : kind_(kind), size_(size), bytes_(element() * static_cast<size_t>(size + 2 * kGuard)) {
    for (int64_t i = 0; i < size + 2 * kGuard; ++i) reference::store(bytes_.data(), kind_, i, kGuardValue);
    for (int64_t i = 0; i < size; ++i) set(i, value);
  }
  static Buffer random(Kind kind, int64_t size, Random& random, double scale = 1.0) {
    Buffer buffer(kind, size);
    for (int64_t i = 0; i < size; ++i) buffer.set(i, random.between(-scale, scale));
    return buffer;
  }
  void* data() { return bytes_.data() + element() * kGuard; }
  float* floats() { return reinterpret_cast<float*>(data()); }
  const void* data() const { return bytes_.data() + element() * kGuard; }
  void* at(int64_t index) { return bytes_.data() + element() * static_cast<size_t>(kGuard + index); }
  double get(int64_t index) const { return reference::load(data(), kind_, index); }
  void set(int64_t index, double value) { reference::store(data(), kind_, index, value); }
  int64_t size() const { return size_; }
  Kind kind() const { return kind_; }
  void check_guards() const {
    for (int64_t i = 1; i <= kGuard; ++i) {
      ASSERT_EQ(get(-i), kGuardValue) << "written " << i << " elements before the buffer";
      ASSERT_EQ(get(size_ - 1 + i), kGuardValue) << "written " << i << " elements behind the buffer";
    }
  }
  bool same_bits(const Buffer& other) const { return bytes_ == other.bytes_; }

 private:
  static constexpr int64_t kGuard = 64;
  static constexpr double kGuardValue = -12288.0;
  size_t element() const { return kind_ == Kind::f32 ? 4 : 2; }
  Kind kind_;
  int64_t size_;
  std::vector<unsigned char> bytes_;
};

// |actual − expected| <= tolerance · (1 + |expected|); for bf16 results one rounding step (2^-8 relative) is added.
inline void expect_close(const Buffer& actual, const Buffer& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  const double relative = tolerance + (actual.kind() == Kind::bf16 ? 0x1p-7 : 0.0);
  for (int64_t i = 0; i < actual.size(); ++i) {
    const double a = actual.get(i), e = expected.get(i);
    if (std::isnan(a) && std::isnan(e)) continue;
    ASSERT_LE(std::fabs(a - e), tolerance + relative * std::fabs(e)) << what << " at " << i << ": " << a << " instead of " << e;
  }
  actual.check_guards();
}

inline void expect_close(const std::vector<float>& actual, const std::vector<float>& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_LE(std::fabs(double{actual[i]} - expected[i]), tolerance * (1.0 + std::fabs(expected[i])))
        << what << " at " << i << ": " << actual[i] << " instead of " << expected[i];
  }
}

// Runs a body with one and with two threads.
template <class Body>
void with_threads(int threads, Body&& body) {
  const int before = at::get_num_threads();
  at::set_num_threads(threads);
  body();
  at::set_num_threads(before);
}

}  // namespace test
}  // namespace astarpo
