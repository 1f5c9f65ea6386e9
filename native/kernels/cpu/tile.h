// The inner product of everything: C[rows, kTileColumns] = C_in + A[rows, depth] · B[depth, kTileColumns] with one accumulator
// per element and k in rising order, so an element's value does not depend on the rows beside it. depth may be cut anywhere:
// the fp32 accumulators are carried exactly.
#pragma once

#include "native/kernels/cpu/simd.h"

namespace astarpo::ASTARPO_ISA {
namespace {

constexpr int kTileVectors = 2;
constexpr int kTileColumns = kTileVectors * kWidth;
#if defined(__AVX512F__)
constexpr int kTileRows = 12;  // 24 accumulators, 2 vectors of B and a broadcast of 32 registers
#else
constexpr int kTileRows = 6;  // 12, 2 and 1 of 16
#endif

// A is read at a[row · row_stride + k] (kUnitK) or a[k · k_stride + row].
struct TileArgs {
  int64_t depth;
  const float* a;
  int64_t a_stride;  // of the index that is not contiguous
  const float* b;
  int64_t b_stride;   // between k
  const float* c_in;  // null: zeros
  int64_t c_in_stride;
  float* c;
  int64_t c_stride;
};

template <int kRows, int kVectors, bool kUnitK>
__attribute__((noinline)) void run_tile(const TileArgs& args) {
  Vec sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[i][v] = args.c_in ? load(args.c_in + i * args.c_in_stride + v * kWidth) : Vec{};
  }
  const float* a = args.a;
  const float* b = args.b;
  const int64_t stride = args.a_stride, b_stride = args.b_stride;
  for (int64_t k = 0; k < args.depth; ++k) {
    Vec column[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) column[v] = load(b + v * kWidth);
    b += b_stride;
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const Vec row = splat(kUnitK ? a[i * stride] : a[i]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[i][v] = fma(row, column[v], sum[i][v]);
    }
    a += kUnitK ? 1 : stride;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(args.c + i * args.c_stride + v * kWidth, sum[i][v]);
  }
}

template <int kVectors, bool kUnitK>
ASTARPO_INLINE void tile_of(int64_t rows, const TileArgs& args) {
  switch (rows) {
    case 1:
      return run_tile<1, kVectors, kUnitK>(args);
    case 2:
      return run_tile<2, kVectors, kUnitK>(args);
    case 3:
      return run_tile<3, kVectors, kUnitK>(args);
    case 4:
      return run_tile<4, kVectors, kUnitK>(args);
    case 5:
      return run_tile<5, kVectors, kUnitK>(args);
    case 6:
      return run_tile<6, kVectors, kUnitK>(args);
#if defined(__AVX512F__)
    case 7:
      return run_tile<7, kVectors, kUnitK>(args);
    case 8:
      return run_tile<8, kVectors, kUnitK>(args);
    case 9:
      return run_tile<9, kVectors, kUnitK>(args);
    case 10:
      return run_tile<10, kVectors, kUnitK>(args);
    case 11:
      return run_tile<11, kVectors, kUnitK>(args);
    case 12:
      return run_tile<12, kVectors, kUnitK>(args);
#endif
    default:
      __builtin_unreachable();
  }
}

// rows in 1 … kTileRows.
ASTARPO_INLINE void tile(int64_t rows, bool unit_k, const TileArgs& args) {
  if (unit_k) {
    tile_of<kTileVectors, true>(rows, args);
  } else {
    tile_of<kTileVectors, false>(rows, args);
  }
}

// In-register transposition: after log2(kWidth) perfect shuffles of the rows, row i holds column i.
#if defined(__AVX512F__)
constexpr IVec kLow = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
constexpr IVec kHigh = {8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
#elif defined(__AVX2__)
constexpr IVec kLow = {0, 8, 1, 9, 2, 10, 3, 11};
constexpr IVec kHigh = {4, 12, 5, 13, 6, 14, 7, 15};
#else
constexpr IVec kLow = {0, 4, 1, 5};
constexpr IVec kHigh = {2, 6, 3, 7};
#endif

ASTARPO_INLINE void transpose(Vec (&rows)[kWidth]) {
  Vec other[kWidth];
#pragma GCC unroll 4
  for (int step = 1; step < kWidth; step *= 2) {
#pragma GCC unroll 16
    for (int i = 0; i < kWidth / 2; ++i) {
      other[2 * i] = __builtin_shuffle(rows[i], rows[i + kWidth / 2], kLow);
      other[2 * i + 1] = __builtin_shuffle(rows[i], rows[i + kWidth / 2], kHigh);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) rows[i] = other[i];
  }
}

// panel[k][column] = from[column · stride + k] for `columns` <= kTileColumns columns, depth values of k; columns beyond are 0.
template <class M>
void pack_transposed(float* panel, const typename M::Element* from, int64_t stride, int64_t columns, int64_t depth) {
  for (int64_t first = 0; first < kTileColumns; first += kWidth) {
    const int64_t count = minimum<int64_t>(kWidth, columns - first);
    for (int64_t k = 0; k < depth; k += kWidth) {
      const int64_t steps = minimum<int64_t>(kWidth, depth - k);
      Vec block[kWidth];
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) {
        block[i] = i < count ? get_some<M>(from + (first + i) * stride + k, steps) : Vec{};
      }
      transpose(block);
      float* to = panel + k * kTileColumns + first;
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) {
        if (i < steps) store(to + i * kTileColumns, block[i]);
      }
    }
  }
}

// panel[k][column] = from[k · stride + column], columns beyond `columns` are 0.
template <class M>
void pack_straight(float* panel, const typename M::Element* from, int64_t stride, int64_t columns, int64_t depth) {
  if (columns == kTileColumns) {
    for (int64_t k = 0; k < depth; ++k) {
      for (int v = 0; v < kTileVectors; ++v) store(panel + k * kTileColumns + v * kWidth, M::get(from + k * stride + v * kWidth));
    }
    return;
  }
  for (int64_t k = 0; k < depth; ++k) {
    for (int v = 0; v < kTileVectors; ++v) {
      const int64_t count = minimum<int64_t>(kWidth, maximum<int64_t>(0, columns - v * kWidth));
      store(panel + k * kTileColumns + v * kWidth, M::get_first(from + k * stride + v * kWidth, count));
    }
  }
}

}  // namespace
}  // namespace astarpo::ASTARPO_ISA
