// Random numbers by counter: number i of a stream depends on (seed, i) alone, so neighbours in a batch, threads and the order of
// work cannot change it.
#pragma once

#include <cstdint>
#include <string>

namespace astarpo {

inline constexpr uint64_t kCounterStep = 0x9E3779B97F4A7C15ULL;  // SplitMix64's increment, 2⁶⁴ / golden ratio

inline constexpr uint64_t kMixFirst = 0xBF58476D1CE4E5B9ULL, kMixSecond = 0x94D049BB133111EBULL;

// The finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
inline uint64_t mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * kMixFirst;
  z = (z ^ (z >> 27)) * kMixSecond;
  return z ^ (z >> 31);
}

// Number `index` of stream `seed`, 64 bits. The seed is mixed first: streams of neighbouring seeds must not be shifted
// copies of each other.
inline uint64_t counter_bits(uint64_t seed, uint64_t index) { return mix64(mix64(seed) + (index + 1) * kCounterStep); }

// The same in [0, 1).
inline double uniform_number(uint64_t seed, uint64_t index) { return static_cast<double>(counter_bits(seed, index) >> 11) * 0x1.0p-53; }

// A tensor's stream: its initial values depend on the seed and its name.
inline uint64_t stream_of(uint64_t seed, const std::string& name) {
  uint64_t hash = 0xCBF29CE484222325ULL;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return mix64((mix64(seed + kCounterStep) ^ hash) + kCounterStep);
}

// Number `index` of such a stream in (0, 1): never 0, so that its logarithm is finite.
inline double stream_uniform(uint64_t stream, uint64_t index) {
  return (static_cast<double>(mix64(stream + index + kCounterStep) >> 11) + 0.5) * 0x1.0p-53;
}

}  // namespace astarpo
