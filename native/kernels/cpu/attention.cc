#include "native/kernels/cpu/attention_tiles.h"
#include "native/kernels/cpu/table.h"

namespace astarpo::ASTARPO_ISA {
namespace {

// One row of scores becomes exponentials; columns of `span` outside of `keys` become 0. Lanes and order go by key index.
ASTARPO_INLINE void soften(float* score, KeyRange keys, KeyRange span, float& max_out, float& sum_out) {
  Vec max = splat(-__builtin_inff());
  for_key_vectors(keys, [&](int64_t at, int64_t begin, int64_t end) {
    const Vec s = lanes_between(begin, end, load(score + at), splat(-__builtin_inff()));
    max = max < s ? s : max;
  });
  const float largest = max_lanes(max);
  Vec sum{};
  for_key_vectors(keys, [&](int64_t at, int64_t begin, int64_t end) {
    const Vec e = lanes_between(begin, end, exponential(load(score + at) - splat(largest)), Vec{});
    store(score + at, e);
    sum += e;
  });
  clear_outside(score, keys, span);
  max_out = largest;
  sum_out = sum_lanes(sum);
}

struct AttentionPlan {
  int64_t group, queries;  // per block
  int64_t padded;          // head_dim in whole panels
};

template <class M>
void attend_block(const AttentionArgs& args, const AttentionPlan& plan, const AttentionSegment& segment, int64_t kv_head, int64_t first) {
  const int64_t dim = args.head_dim, group = plan.group, padded = plan.padded;
  const int64_t queries = minimum(plan.queries, segment.q_length - first);
  const int64_t rows = queries * group;
  const int64_t position = segment.kv_length - segment.q_length + first;    // of the first query
  const int64_t origin = first_panel(visible_keys(position, args.window));  // the key of column 0
  const int64_t keys = position + queries - origin;
  const int64_t columns = round_up(keys, kTileColumns);
  const int64_t stride = score_stride(columns);
  const auto keys_of_row = [&](int64_t row) {
    const KeyRange seen = visible_keys(position + row / group, args.window);
    return KeyRange{seen.begin - origin, seen.end - origin};
  };
  const auto* k = static_cast<const typename M::Element*>(segment.k) + origin * segment.key_stride + kv_head * dim;
  const auto* v = static_cast<const typename M::Element*>(segment.v) + origin * segment.key_stride + kv_head * dim;

  float* q = runtime::scratch(runtime::kQueries, rows * padded);
  float* transposed = runtime::scratch(runtime::kKeys, columns * dim);
  float* score = runtime::scratch(runtime::kScores, rows * stride + rows);
  float* inverse_sum = score + rows * stride;
  gather_rows<M>(q, padded, args.q, args.q_stride, segment.q_begin + first, queries, kv_head * group, group, dim, args.scale);
  for (int64_t j = 0; j < keys; j += kTileColumns) {
    pack_transposed<M>(transposed + j * dim, k + j * segment.key_stride, segment.key_stride, minimum<int64_t>(kTileColumns, keys - j), dim);
  }
  multiply_panels(rows, dim, q, padded, transposed, score, stride, keys_of_row);

  for (int64_t row = 0; row < rows; ++row) {
    const int64_t tile_begin = round_down(row, kTileRows), tile_end = minimum(rows, tile_begin + kTileRows);
    float max, sum;
    soften(score + row * stride, keys_of_row(row), spanned_keys(keys_of_row(tile_begin), keys_of_row(tile_end - 1)), max, sum);
    inverse_sum[row] = 1.0f / sum;
    if (args.lse) {
      const int64_t at = (segment.q_begin + first + row / group) * args.heads + kv_head * group + row % group;
      args.lse[at] = (float)((double)max + __builtin_log((double)sum));
    }
  }

  const float* value = nullptr;
  int64_t value_stride = padded;
  if (args.kind == Kind::f32 && dim == padded) {
    value = reinterpret_cast<const float*>(v);
    value_stride = segment.key_stride;
  } else {
    float* copy = runtime::scratch(runtime::kValues, keys * padded);
    gather_keys<M>(copy, padded, v, segment.key_stride, keys, dim);
    value = copy;
  }
  alignas(64) float sums[kTileRows * kTileColumns];
  for (int64_t row = 0; row < rows; row += kTileRows) {
    const int64_t count = minimum<int64_t>(kTileRows, rows - row);
    const KeyRange span = spanned_keys(keys_of_row(row), keys_of_row(row + count - 1));
    for (int64_t column = 0; column < dim; column += kTileColumns) {
      tile(count, true,
           {span.end - span.begin, score + row * stride + span.begin, stride, value + span.begin * value_stride + column, value_stride,
            nullptr, 0, sums, kTileColumns});
      for (int64_t i = 0; i < count; ++i) {
        const int64_t query = (row + i) / group, head = kv_head * group + (row + i) % group;
        auto* out = static_cast<typename M::Element*>(args.out) + (segment.q_begin + first + query) * args.out_stride + head * dim + column;
        for_vectors(minimum<int64_t>(kTileColumns, dim - column), [&](int64_t at, int64_t width) {
          put_some<M>(out + at, load(sums + i * kTileColumns + at) * splat(inverse_sum[row + i]), width);
        });
      }
    }
  }
}

}  // namespace

void attention(const AttentionArgs& args, Stream) {
  AttentionPlan plan;
  plan.group = args.heads / args.kv_heads;
  plan.queries = queries_per_block(plan.group);
  plan.padded = round_up(args.head_dim, kTileColumns);
  // Tasks: (segment, kv head, block of queries), late blocks first within a segment because they see the most keys.
  int64_t blocks = 0;
  double pairs = 0;  // of query and key
  for (int64_t s = 0; s < args.segment_count; ++s) {
    blocks += divide_up(args.segments[s].q_length, plan.queries);
    const int64_t seen = args.segments[s].kv_length;
    pairs += (double)args.segments[s].q_length * (double)(args.window > 0 ? minimum(seen, args.window) : seen);
  }
  if (blocks == 0) return;
  auto* index = reinterpret_cast<int32_t*>(runtime::scratch(runtime::kShared, 2 * blocks));
  int64_t at = 0;
  for (int64_t s = 0; s < args.segment_count; ++s) {
    for (int64_t b = divide_up(args.segments[s].q_length, plan.queries) - 1; b >= 0; --b, ++at) {
      index[2 * at] = (int32_t)s;
      index[2 * at + 1] = (int32_t)b;
    }
  }
  with_kind(args.kind, [&](auto memory) {
    for_tasks_worth(0.15 * pairs * (double)(args.heads * args.head_dim), blocks * args.kv_heads, [&](int64_t task) {
      const int64_t block = task / args.kv_heads;
      attend_block<decltype(memory)>(args, plan, args.segments[index[2 * block]], task % args.kv_heads,
                                     index[2 * block + 1] * plan.queries);
    });
  });
}

}  // namespace astarpo::ASTARPO_ISA
