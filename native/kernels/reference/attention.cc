#include <cmath>
#include <vector>

#include "native/kernels/reference/element.h"
#include "native/kernels/reference/table.h"
#include "native/kernels/reference/visible_keys.h"

namespace astarpo::reference {

void attention(const AttentionArgs& args, Stream) {
  const int64_t dim = args.head_dim;
  for (int64_t s = 0; s < args.segment_count; ++s) {
    const AttentionSegment& segment = args.segments[s];
    for (int64_t i = 0; i < segment.q_length; ++i) {
      const int64_t row = segment.q_begin + i;
      const VisibleKeys keys = visible_keys(segment.kv_length - segment.q_length + i, args.window);
      for (int64_t h = 0; h < args.heads; ++h) {
        const int64_t kv_head = h / (args.heads / args.kv_heads);
        std::vector<double> score(static_cast<size_t>(keys.end - keys.begin));
        double max = -INFINITY;
        for (int64_t j = keys.begin; j < keys.end; ++j) {
          double dot = 0;
          for (int64_t d = 0; d < dim; ++d) {
            dot += load(args.q, args.kind, row * args.q_stride + h * dim + d) *
                   load(segment.k, args.kind, j * segment.key_stride + kv_head * dim + d);
          }
          score[static_cast<size_t>(j - keys.begin)] = dot * args.scale;
          max = std::fmax(max, dot * args.scale);
        }
        double sum = 0;
        for (double& value : score) sum += value = std::exp(value - max);
        for (int64_t d = 0; d < dim; ++d) {
          double out = 0;
          for (int64_t j = keys.begin; j < keys.end; ++j) {
            out += score[static_cast<size_t>(j - keys.begin)] * load(segment.v, args.kind, j * segment.key_stride + kv_head * dim + d);
          }
          store(args.out, args.kind, row * args.out_stride + h * dim + d, out / sum);
        }
        if (args.lse) args.lse[row * args.heads + h] = static_cast<float>(max + std::log(sum));
      }
    }
  }
}

}  // namespace astarpo::reference
