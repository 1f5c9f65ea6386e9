#include "native/model/stored_values.h"

#include <algorithm>

namespace astarpo {
namespace {

// Without its sign bit, a floating-point number orders like its bits, and NaN and infinity are above all others.
template <class Word>
int64_t first_at_least(const Word* words, int64_t count, Word limit) {
  constexpr Word kMagnitude = static_cast<Word>(static_cast<Word>(~Word{0}) >> 1);
  constexpr int64_t kBlock = 4096;
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t end = std::min(count, begin + kBlock);
    Word largest = 0;
    for (int64_t i = begin; i < end; ++i) largest = std::max(largest, static_cast<Word>(words[i] & kMagnitude));
    if (largest < limit) continue;
    for (int64_t i = begin; i < end; ++i)
      if (static_cast<Word>(words[i] & kMagnitude) >= limit) return i;
  }
  return -1;
}

// Bits of the smallest magnitude that cannot be used.
constexpr uint32_t kFloatInfinity = 0x7f800000;
constexpr uint32_t kRoundsToInfiniteBfloat16 = 0x7f7f8000;  // halfway above the largest: the tie goes to infinity, which is even
constexpr uint16_t kBfloat16Infinity = 0x7f80;
constexpr uint16_t kHalfInfinity = 0x7c00;

}  // namespace

int64_t bytes_of(StoredKind kind) { return kind == StoredKind::f32 ? 4 : 2; }

c10::ScalarType scalar_type_of(StoredKind kind) {
  switch (kind) {
    case StoredKind::f32:
      return c10::kFloat;
    case StoredKind::bf16:
      return c10::kBFloat16;
    case StoredKind::f16:
      break;
  }
  return c10::kHalf;
}

const char* name_of(StoredKind kind) { return kind == StoredKind::f32 ? "float32" : kind == StoredKind::bf16 ? "bfloat16" : "float16"; }

int64_t first_not_finite(const void* numbers, int64_t count, StoredKind kind, c10::ScalarType target) {
  if (kind == StoredKind::f32)
    return first_at_least(static_cast<const uint32_t*>(numbers), count,
                          target == c10::kBFloat16 ? kRoundsToInfiniteBfloat16 : kFloatInfinity);
  return first_at_least(static_cast<const uint16_t*>(numbers), count, kind == StoredKind::bf16 ? kBfloat16Infinity : kHalfInfinity);
}

}  // namespace astarpo
