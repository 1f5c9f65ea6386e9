#include "native/kernels/cpu/table.h"
#include "native/kernels/cpu/tile.h"

namespace astarpo::ASTARPO_ISA {
namespace {

constexpr int64_t kDepthBlock = 512;          // k per packed block when there is more than one
constexpr int64_t kWholeDepth = 768;          // up to here one block
constexpr int64_t kPackedFloats = 64 * 1024;  // B's packed block of one task: 256 kB, a quarter to a half of an L2
constexpr int64_t kRowBlock = 8 * kTileRows;  // rows of A that stay in L1/L2 while the panels of B pass
constexpr int64_t kAccumulatorFloats = 128 * 1024;
// A product over many rows (a weight's gradient) reads A across its rows: each k is another cache line, so A is packed too, in
// whole rows of memory, and the blocks are smaller to leave it room.
constexpr int64_t kAcrossDepth = 256;
constexpr int64_t kAcrossRows = 32 * kTileRows;

struct Plan {
  bool across;  // A is contiguous over its rows, not over k
  int64_t depth_block, depth_blocks;
  int64_t group_columns, groups;  // of one task
  int64_t block_rows, blocks;
};

Plan plan_of(const GemmArgs& args) {
  Plan plan;
  plan.across = args.a_row_stride == 1 && args.a_col_stride != 1;
  const int64_t whole = plan.across ? kAcrossDepth : kWholeDepth;
  plan.depth_block = args.k <= whole ? maximum<int64_t>(args.k, 1) : plan.across ? kAcrossDepth : kDepthBlock;
  plan.depth_blocks = maximum<int64_t>(1, divide_up(args.k, plan.depth_block));
  const int64_t panels = divide_up(args.n, kTileColumns);
  int64_t group = minimum(panels, maximum<int64_t>(1, kPackedFloats / (plan.depth_block * kTileColumns)));
  int64_t rows = round_up(minimum<int64_t>(args.m, plan.across ? kAcrossRows : 2048), kTileRows);
  if (plan.depth_blocks > 1) rows = minimum(rows, round_up(kAccumulatorFloats / (group * kTileColumns), kTileRows));
  const double flops = 2.0 * (double)args.m * (double)args.n * (double)args.k;
  const int64_t wanted = flops < 3e6 ? 1 : runtime::threads() * (flops < 6e7 ? 1 : 4);
  // Cutting the columns packs A once more per cut (if at all), cutting the rows B.
  while (divide_up(panels, group) * divide_up(args.m, rows) < wanted) {
    const bool wide = plan.across ? group * kTileColumns >= rows : group > 2;
    if (group > 1 && (wide || rows <= kRowBlock)) {
      group = divide_up(group, 2);
    } else if (rows > kTileRows) {
      rows = round_up(divide_up(rows, 2), kTileRows);
    } else {
      break;
    }
  }
  plan.groups = divide_up(panels, group);
  plan.group_columns = divide_up(panels, plan.groups) * kTileColumns;
  plan.blocks = divide_up(args.m, rows);
  plan.block_rows = round_up(divide_up(args.m, plan.blocks), kTileRows);
  return plan;
}

// One panel of B: kTileColumns columns from `column`, depth values of k from `k`.
void pack_panel(const GemmArgs& args, float* panel, int64_t column, int64_t k, int64_t depth) {
  const int64_t columns = minimum<int64_t>(kTileColumns, args.n - column);
  with_kind(args.b_kind, [&](auto memory) {
    using M = decltype(memory);
    const auto* from = static_cast<const typename M::Element*>(args.b) + k * args.b_row_stride + column * args.b_col_stride;
    if (args.b_col_stride == 1) {
      pack_straight<M>(panel, from, args.b_row_stride, columns, depth);
    } else if (args.b_row_stride == 1) {
      pack_transposed<M>(panel, from, args.b_col_stride, columns, depth);
    } else {
      for (int64_t i = 0; i < depth; ++i) {
        for (int64_t c = 0; c < kTileColumns; ++c) {
          panel[i * kTileColumns + c] = c < columns ? M::scalar(from + i * args.b_row_stride + c * args.b_col_stride) : 0.0f;
        }
      }
    }
  });
}

// fp32 rows of A, kTileRows at a time.
struct View {
  const float* data;
  int64_t stride;     // of the index that is not contiguous
  int64_t tile_step;  // to the next kTileRows rows
  bool unit_k;
};

// Rows [row, row + rows) and k [k, k + depth) of A: as they lie in memory where that is fp32 with unit stride over k, else packed.
View view_of_a(const GemmArgs& args, const Plan& plan, int64_t row, int64_t rows, int64_t k, int64_t depth) {
  const int64_t offset = row * args.a_row_stride + k * args.a_col_stride;
  if (args.a_kind == Kind::f32 && args.a_col_stride == 1) {
    return {static_cast<const float*>(args.a) + offset, args.a_row_stride, kTileRows * args.a_row_stride, true};
  }
  float* packed = runtime::scratch(runtime::kPackedA, round_up(rows, kTileRows) * depth + kWidth);
  with_kind(args.a_kind, [&](auto memory) {
    using M = decltype(memory);
    const auto* from = static_cast<const typename M::Element*>(args.a) + offset;
    if (plan.across) {
      const int64_t whole = rows / kTileRows * kTileRows;
      for (int64_t i = 0; i < depth; ++i) {
        for (int64_t first = 0; first < rows; first += kTileRows) {
          float* to = packed + first * depth + i * kTileRows;
          for (int64_t at = 0; at < kTileRows; at += kWidth) {
            const int64_t count = minimum<int64_t>(kWidth, (first < whole ? kTileRows : rows - whole) - at);
            if (count > 0) put_some<Memory<Kind::f32>>(to + at, get_some<M>(from + i * args.a_col_stride + first + at, count), count);
          }
        }
      }
    } else if (args.a_col_stride == 1) {
      for (int64_t i = 0; i < rows; ++i) {
        for_vectors(depth, [&](int64_t at, int64_t count) {
          put_some<Memory<Kind::f32>>(packed + i * depth + at, get_some<M>(from + i * args.a_row_stride + at, count), count);
        });
      }
    } else {
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < depth; ++j) packed[i * depth + j] = M::scalar(from + i * args.a_row_stride + j * args.a_col_stride);
      }
    }
  });
  return {packed, plan.across ? kTileRows : depth, kTileRows * depth, !plan.across};
}

// Finished sums of a tile to C: bias, then what C holds, then one rounding.
void finish_tile(const GemmArgs& args, const float* sums, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  with_kind(args.c_kind, [&](auto memory) {
    using M = decltype(memory);
    for (int64_t i = 0; i < rows; ++i) {
      auto* to = static_cast<typename M::Element*>(args.c) + (row + i) * args.c_row_stride + column;
      for_vectors(columns, [&](int64_t at, int64_t count) {
        Vec value = load(sums + i * kTileColumns + at);
        if (args.bias) {
          with_kind(args.bias_kind, [&](auto bias_memory) {
            using B = decltype(bias_memory);
            value += get_some<B>(static_cast<const typename B::Element*>(args.bias) + column + at, count);
          });
        }
        if (args.accumulate) value = get_some<M>(to + at, count) + value;
        put_some<M>(to + at, value, count);
      });
    }
  });
}

void gemm_task(const GemmArgs& args, const Plan& plan, int64_t task) {
  const int64_t first_column = (task % plan.groups) * plan.group_columns;
  const int64_t last_column = minimum(args.n, first_column + plan.group_columns);
  const int64_t first_row = (task / plan.groups) * plan.block_rows;
  const int64_t last_row = minimum(args.m, first_row + plan.block_rows);
  if (first_column >= last_column || first_row >= last_row) return;
  float* packed = runtime::scratch(runtime::kPackedB, plan.depth_block * plan.group_columns);
  float* carried = plan.depth_blocks > 1 ? runtime::scratch(runtime::kAccumulators, plan.block_rows * plan.group_columns) : nullptr;
  const bool direct = args.c_kind == Kind::f32 && !args.bias && !args.accumulate;
  alignas(64) float sums[kTileRows * kTileColumns];

  for (int64_t block = 0; block < plan.depth_blocks; ++block) {
    const int64_t k = block * plan.depth_block;
    const int64_t depth = minimum(plan.depth_block, args.k - k);
    const bool last = block + 1 == plan.depth_blocks;
    for (int64_t column = first_column; column < last_column; column += kTileColumns) {
      pack_panel(args, packed + (column - first_column) * depth, column, k, depth);
    }
    const int64_t step = plan.across ? plan.block_rows : kRowBlock;
    for (int64_t row_block = first_row; row_block < last_row; row_block += step) {
      const int64_t block_end = minimum(last_row, row_block + step);
      const View a = view_of_a(args, plan, row_block, block_end - row_block, k, depth);
      for (int64_t column = first_column; column < last_column; column += kTileColumns) {
        const int64_t columns = minimum<int64_t>(kTileColumns, last_column - column);
        for (int64_t row = row_block; row < block_end; row += kTileRows) {
          const int64_t rows = minimum<int64_t>(kTileRows, block_end - row);
          TileArgs tile_args;
          tile_args.depth = depth;
          tile_args.a = a.data + (row - row_block) / kTileRows * a.tile_step;
          tile_args.a_stride = a.stride;
          tile_args.b = packed + (column - first_column) * depth;
          tile_args.b_stride = kTileColumns;
          float* const carry = carried ? carried + (column - first_column) * plan.block_rows + (row - first_row) * kTileColumns : nullptr;
          tile_args.c_in = block > 0 ? carry : nullptr;
          tile_args.c_in_stride = kTileColumns;
          if (!last) {
            tile_args.c = carry;
            tile_args.c_stride = kTileColumns;
          } else if (direct && columns == kTileColumns) {
            tile_args.c = static_cast<float*>(args.c) + row * args.c_row_stride + column;
            tile_args.c_stride = args.c_row_stride;
          } else {
            tile_args.c = sums;
            tile_args.c_stride = kTileColumns;
          }
          tile(rows, a.unit_k, tile_args);
          if (tile_args.c == sums) finish_tile(args, sums, row, rows, column, columns);
        }
      }
    }
  }
}

}  // namespace

void gemm(const GemmArgs& args, Stream) {
  if (args.m == 0 || args.n == 0) return;
  const Plan plan = plan_of(args);
  const double packing = 0.2 * (double)args.n * (double)args.k, multiplying = 0.04 * (double)args.m * (double)args.n * (double)args.k;
  for_tasks_worth(packing + multiplying, plan.groups * plan.blocks, [&](int64_t task) { gemm_task(args, plan, task); });
}

}  // namespace astarpo::ASTARPO_ISA
