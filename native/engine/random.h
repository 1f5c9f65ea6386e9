// Uniform numbers by counter: number i of a request depends on (seed, i) alone, so neighbours in a batch cannot change it.
#pragma once

#include <cstdint>

namespace astarpo {

// The finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
inline uint64_t mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

// Number `index` of stream `seed`, in [0, 1). The seed is mixed first: streams of neighbouring seeds must not be shifted
// copies of each other.
inline double uniform_number(uint64_t seed, uint64_t index) {
  const uint64_t z = mix64(mix64(seed) + (index + 1) * 0x9E3779B97F4A7C15ULL);
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

}  // namespace astarpo
