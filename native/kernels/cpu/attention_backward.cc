#include "native/kernels/cpu/attention_tiles.h"
#include "native/kernels/cpu/table.h"

namespace astarpo::ASTARPO_ISA {
namespace {

// A row: P from the scores and lse, then dS = P∘(dP − delta), both in place; columns of `span` that the row does not see are 0.
ASTARPO_INLINE void probabilities(float* score, float* dscore, KeyRange keys, KeyRange span, float lse, float delta) {
  for_key_vectors(keys, [&](int64_t at, int64_t begin, int64_t end) {
    const Vec p = lanes_between(begin, end, exponential(load(score + at) - splat(lse)), Vec{});
    const Vec ds = lanes_between(begin, end, p * (load(dscore + at) - splat(delta)), Vec{});
    store(score + at, p);
    store(dscore + at, ds);
  });
  clear_outside(score, keys, span);
  clear_outside(dscore, keys, span);
}

// Queries of a block, with the `group` rows of each; keys and the position of the first query count from the same origin.
struct QueryBlock {
  int64_t queries, group, position, window;
};

// to[key][0 … padded) += Σ_row weights[row][key] · rows_of[row]; the accumulators are carried from block to block of rows.
ASTARPO_INLINE void add_outer(float* to, int64_t padded, int64_t keys, const float* weights, int64_t weight_stride, const float* rows_of,
                              const QueryBlock& block) {
  for (int64_t key = 0; key < keys; key += kTileRows) {
    const int64_t count = minimum<int64_t>(kTileRows, keys - key);
    // Rows before the first key's own query see none of them, nor do those whose window begins behind the last.
    const int64_t begin = maximum<int64_t>(0, key - block.position);
    const int64_t end = block.window > 0 ? minimum(block.queries, key + count - 1 + block.window - block.position) : block.queries;
    if (begin >= end) continue;
    const int64_t row = begin * block.group;
    for (int64_t column = 0; column < padded; column += kTileColumns) {
      float* sums = to + key * padded + column;
      tile(count, false,
           {(end - begin) * block.group, weights + row * weight_stride + key, weight_stride, rows_of + row * padded + column, padded, sums,
            padded, sums, padded});
    }
  }
}

template <class M>
void backward_head(const AttentionBackwardArgs& args, const AttentionSegment& segment, int64_t kv_head) {
  using X = typename M::Element;
  const int64_t dim = args.head_dim, group = args.heads / args.kv_heads;
  const int64_t padded = round_up(dim, kTileColumns);
  const int64_t keys = segment.q_length;
  const int64_t columns = round_up(keys, kTileColumns);
  const int64_t block_queries = queries_per_block(group);
  // A block's scores begin at a whole panel, so its window is a panel longer.
  const int64_t in_window = round_up(args.window + block_queries, kTileColumns) + kTileColumns;
  const int64_t stride = score_stride(args.window > 0 ? minimum(columns, in_window) : columns);
  const int64_t block_rows = block_queries * group;
  const X* k = static_cast<const X*>(segment.k) + kv_head * dim;
  const X* v = static_cast<const X*>(segment.v) + kv_head * dim;

  float* k_panels = runtime::scratch(runtime::kKeys, 2 * columns * dim + keys * padded);
  float* v_panels = k_panels + columns * dim;
  float* k_rows = v_panels + columns * dim;
  // Keys are processed in tiles of rows, so the sums end at a whole tile.
  const int64_t sum_rows = round_up(keys, kTileRows);
  float* dk = runtime::scratch(runtime::kGradients, 2 * sum_rows * padded);
  float* dv = dk + sum_rows * padded;
  float* q = runtime::scratch(runtime::kQueries, 3 * block_rows * padded);
  float* dout = q + block_rows * padded;
  float* out = dout + block_rows * padded;
  float* score = runtime::scratch(runtime::kScores, 2 * block_rows * stride);
  float* dscore = score + block_rows * stride;

  for (int64_t j = 0; j < keys; j += kTileColumns) {
    const int64_t count = minimum<int64_t>(kTileColumns, keys - j);
    pack_transposed<M>(k_panels + j * dim, k + j * segment.key_stride, segment.key_stride, count, dim);
    pack_transposed<M>(v_panels + j * dim, v + j * segment.key_stride, segment.key_stride, count, dim);
  }
  gather_keys<M>(k_rows, padded, k, segment.key_stride, keys, dim);
  __builtin_memset(dk, 0, (size_t)(2 * sum_rows * padded) * sizeof(float));

  for (int64_t first = 0; first < segment.q_length; first += block_queries) {
    const int64_t queries = minimum(block_queries, segment.q_length - first);
    const int64_t rows = queries * group;
    const int64_t row_begin = segment.q_begin + first;
    const int64_t origin = first_panel(visible_keys(first, args.window));  // the key of column 0
    const KeyRange seen{0, first + queries - origin};
    const auto keys_of_row = [&](int64_t row) {
      const KeyRange keys_of_query = visible_keys(first + row / group, args.window);
      return KeyRange{keys_of_query.begin - origin, keys_of_query.end - origin};
    };
    // The scale goes into q: it is then in the scores and in dk, and dq gets it at the end.
    gather_rows<M>(q, padded, args.q, args.q_stride, row_begin, queries, kv_head * group, group, dim, args.scale);
    gather_rows<M>(dout, padded, args.dout, args.out_stride, row_begin, queries, kv_head * group, group, dim, 1.0f);
    gather_rows<M>(out, padded, args.out, args.out_stride, row_begin, queries, kv_head * group, group, dim, 1.0f);
    multiply_panels(rows, dim, q, padded, k_panels + origin * dim, score, stride, keys_of_row);
    multiply_panels(rows, dim, dout, padded, v_panels + origin * dim, dscore, stride, keys_of_row);
    for (int64_t row = 0; row < rows; ++row) {
      Vec delta{};
      for (int64_t at = 0; at < padded; at += kWidth) delta = fma(load(dout + row * padded + at), load(out + row * padded + at), delta);
      const float lse = args.lse[(row_begin + row / group) * args.heads + kv_head * group + row % group];
      probabilities(score + row * stride, dscore + row * stride, keys_of_row(row), seen, lse, sum_lanes(delta));
    }
    alignas(64) float sums[kTileRows * kTileColumns];
    for (int64_t row = 0; row < rows; row += kTileRows) {
      const int64_t count = minimum<int64_t>(kTileRows, rows - row);
      const KeyRange span = spanned_keys(keys_of_row(row), keys_of_row(row + count - 1));
      for (int64_t column = 0; column < dim; column += kTileColumns) {
        tile(count, true,
             {span.end - span.begin, dscore + row * stride + span.begin, stride, k_rows + (origin + span.begin) * padded + column, padded,
              nullptr, 0, sums, kTileColumns});
        for (int64_t i = 0; i < count; ++i) {
          const int64_t head = kv_head * group + (row + i) % group;
          X* dq = static_cast<X*>(args.dq) + (row_begin + (row + i) / group) * args.dq_stride + head * dim + column;
          for_vectors(minimum<int64_t>(kTileColumns, dim - column), [&](int64_t at, int64_t width) {
            put_some<M>(dq + at, load(sums + i * kTileColumns + at) * splat(args.scale), width);
          });
        }
      }
    }
    const QueryBlock block{queries, group, first - origin, args.window};
    add_outer(dv + origin * padded, padded, seen.end, score, stride, dout, block);
    add_outer(dk + origin * padded, padded, seen.end, dscore, stride, q, block);
  }

  for (int64_t j = 0; j < keys; ++j) {
    const int64_t at = (segment.q_begin + j) * args.dkv_stride + kv_head * dim;
    for_vectors(dim, [&](int64_t column, int64_t width) {
      put_some<M>(static_cast<X*>(args.dk) + at + column, load(dk + j * padded + column), width);
      put_some<M>(static_cast<X*>(args.dv) + at + column, load(dv + j * padded + column), width);
    });
  }
}

}  // namespace

// One task is all of one (segment, kv head), queries in order: dk and dv need no atomics and have one order of summation.
void attention_backward(const AttentionBackwardArgs& args, Stream) {
  with_kind(args.kind, [&](auto memory) {
    for_tasks(args.segment_count * args.kv_heads, [&](int64_t task) {
      const AttentionSegment& segment = args.segments[task / args.kv_heads];
      if (segment.q_length > 0) backward_head<decltype(memory)>(args, segment, task % args.kv_heads);
    });
  });
}

}  // namespace astarpo::ASTARPO_ISA
