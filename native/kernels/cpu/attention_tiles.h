// Packing that the two attention kernels share: the rows of one (segment, kv head) are the query rows of all its heads, query by
// query, so that neighbouring rows see nearly the same keys.
#pragma once

#include "native/kernels/cpu/tile.h"

namespace astarpo::ASTARPO_ISA {
namespace {

// Queries per block, so that a block has about this many rows whatever the group size.
constexpr int64_t kBlockRows = 8 * kTileRows;

// Floats between two rows of scores: never a multiple of a large power of two, or a column of rows would fall into a few cache sets.
ASTARPO_INLINE int64_t score_stride(int64_t columns) { return columns + 16; }

ASTARPO_INLINE int64_t queries_per_block(int64_t group) { return maximum<int64_t>(1, kBlockRows / group); }

// Keys [begin, end).
struct KeyRange {
  int64_t begin, end;
};

// Seen by the query at `position`.
ASTARPO_INLINE KeyRange visible_keys(int64_t position, int64_t window) {
  return {window > 0 ? maximum<int64_t>(0, position + 1 - window) : 0, position + 1};
}

// Of neighbouring rows, the first of which sees `first` and the last `last`: every key that one of them sees.
ASTARPO_INLINE KeyRange spanned_keys(KeyRange first, KeyRange last) { return {first.begin, last.end}; }

// Where a block's panels begin: whole panels before the first key are left out, so that a key's lane and its place in every sum go by
// its index in the segment, whatever else is in the block.
ASTARPO_INLINE int64_t first_panel(KeyRange keys) { return round_down(keys.begin, kTileColumns); }

// Runs body(at, begin, end) over the vectors that hold keys: lanes [begin, end) of the vector at `at` are theirs.
template <class Body>
ASTARPO_INLINE void for_key_vectors(KeyRange keys, Body&& body) {
  int64_t at = round_down(keys.begin, kWidth);
  if (at < keys.begin) {
    body(at, keys.begin - at, minimum<int64_t>(kWidth, keys.end - at));
    at += kWidth;
  }
  for (; at + kWidth <= keys.end; at += kWidth) body(at, (int64_t)0, (int64_t)kWidth);
  if (at < keys.end) body(at, (int64_t)0, keys.end - at);
}

// Zeros in the vectors of `span` that hold none of `keys`.
ASTARPO_INLINE void clear_outside(float* row, KeyRange keys, KeyRange span) {
  for (int64_t at = round_down(span.begin, kWidth); at < round_down(keys.begin, kWidth); at += kWidth) store(row + at, Vec{});
  for (int64_t at = round_up(keys.end, kWidth); at < span.end; at += kWidth) store(row + at, Vec{});
}

// to[row][0 … padded) = from's head rows times factor, zero-padded; row = query · group + head of the group.
template <class M>
void gather_rows(float* to, int64_t padded, const void* matrix, int64_t stride, int64_t first_row, int64_t queries, int64_t first_head,
                 int64_t group, int64_t dim, float factor) {
  for (int64_t i = 0; i < queries; ++i) {
    for (int64_t h = 0; h < group; ++h) {
      const auto* from = static_cast<const typename M::Element*>(matrix) + (first_row + i) * stride + (first_head + h) * dim;
      float* row = to + (i * group + h) * padded;
      for (int64_t at = 0; at < padded; at += kWidth) {
        const int64_t count = minimum<int64_t>(kWidth, dim - at);
        store(row + at, count <= 0 ? Vec{} : get_some<M>(from + at, count) * splat(factor));
      }
    }
  }
}

// Keys or values as fp32 rows of `padded` columns, zero-padded.
template <class M>
void gather_keys(float* to, int64_t padded, const typename M::Element* from, int64_t stride, int64_t keys, int64_t dim) {
  for (int64_t j = 0; j < keys; ++j) {
    for (int64_t at = 0; at < padded; at += kWidth) {
      const int64_t count = minimum<int64_t>(kWidth, dim - at);
      store(to + j * padded + at, count <= 0 ? Vec{} : get_some<M>(from + j * stride + at, count));
    }
  }
}

// All rows of `a` [rows, depth] (stride a_stride) against panels of a transposed matrix: out[row][column] for the columns
// keys_of_row(row), rounded out to whole panels. Tiles of rows take the columns that any of their rows needs.
template <class Keys>
ASTARPO_INLINE void multiply_panels(int64_t rows, int64_t depth, const float* a, int64_t a_stride, const float* panels, float* out,
                                    int64_t out_stride, Keys&& keys_of_row) {
  for (int64_t row = 0; row < rows; row += kTileRows) {
    const int64_t count = minimum<int64_t>(kTileRows, rows - row);
    const KeyRange keys = spanned_keys(keys_of_row(row), keys_of_row(row + count - 1));
    for (int64_t column = first_panel(keys); column < keys.end; column += kTileColumns) {
      tile(count, true,
           {depth, a + row * a_stride, a_stride, panels + column * depth, kTileColumns, nullptr, 0, out + row * out_stride + column,
            out_stride});
    }
  }
}

}  // namespace
}  // namespace astarpo::ASTARPO_ISA
