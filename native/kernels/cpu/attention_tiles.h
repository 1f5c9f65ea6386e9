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

// All rows of `a` [rows, depth] (stride a_stride) against panels of a transposed matrix: out[row][column] for columns [0, columns)
// rounded up to a panel. Tiles of rows stop at the columns that their last row needs.
template <class Columns>
ASTARPO_INLINE void multiply_panels(int64_t rows, int64_t depth, const float* a, int64_t a_stride, const float* panels, float* out,
                                    int64_t out_stride, Columns&& columns_of_row) {
  for (int64_t row = 0; row < rows; row += kTileRows) {
    const int64_t count = minimum<int64_t>(kTileRows, rows - row);
    const int64_t columns = columns_of_row(row + count - 1);
    for (int64_t column = 0; column < columns; column += kTileColumns) {
      tile(count, true,
           {depth, a + row * a_stride, a_stride, panels + column * depth, kTileColumns, nullptr, 0, out + row * out_stride + column,
            out_stride});
    }
  }
}

}  // namespace
}  // namespace astarpo::ASTARPO_ISA
