#include <cmath>
#include <vector>

#include "native/kernels/reference/element.h"
#include "native/kernels/reference/table.h"
#include "native/kernels/reference/visible_keys.h"

namespace astarpo::reference {

// P = exp(scale·q·kᵀ − lse); dV = Pᵀ·dO; dP = dO·Vᵀ; dS = P∘(dP − rowsum(dO∘O)); dQ = scale·dS·K; dK = scale·dSᵀ·Q.
void attention_backward(const AttentionBackwardArgs& args, Stream) {
  const int64_t dim = args.head_dim;
  const int64_t group = args.heads / args.kv_heads;
  for (int64_t s = 0; s < args.segment_count; ++s) {
    const AttentionSegment& segment = args.segments[s];
    const size_t size = static_cast<size_t>(segment.q_length * dim);
    for (int64_t kv_head = 0; kv_head < args.kv_heads; ++kv_head) {
      std::vector<double> dk(size, 0.0), dv(size, 0.0);
      for (int64_t i = 0; i < segment.q_length; ++i) {
        const int64_t row = segment.q_begin + i;
        const VisibleKeys keys = visible_keys(i, args.window);
        for (int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h) {
          const auto q = [&](int64_t d) { return load(args.q, args.kind, row * args.q_stride + h * dim + d); };
          const auto dout = [&](int64_t d) { return load(args.dout, args.kind, row * args.out_stride + h * dim + d); };
          double delta = 0;
          for (int64_t d = 0; d < dim; ++d) delta += dout(d) * load(args.out, args.kind, row * args.out_stride + h * dim + d);
          std::vector<double> dq(static_cast<size_t>(dim), 0.0);
          for (int64_t j = keys.begin; j < keys.end; ++j) {
            const int64_t at = j * segment.key_stride + kv_head * dim;
            double dot = 0, dp = 0;
            for (int64_t d = 0; d < dim; ++d) {
              dot += q(d) * load(segment.k, args.kind, at + d);
              dp += dout(d) * load(segment.v, args.kind, at + d);
            }
            const double p = std::exp(dot * args.scale - args.lse[row * args.heads + h]);
            const double ds = p * (dp - delta) * args.scale;
            for (int64_t d = 0; d < dim; ++d) {
              dq[static_cast<size_t>(d)] += ds * load(segment.k, args.kind, at + d);
              dk[static_cast<size_t>(j * dim + d)] += ds * q(d);
              dv[static_cast<size_t>(j * dim + d)] += p * dout(d);
            }
          }
          for (int64_t d = 0; d < dim; ++d) {
            store(args.dq, args.kind, row * args.dq_stride + h * dim + d, dq[static_cast<size_t>(d)]);
          }
        }
      }
      for (int64_t j = 0; j < segment.q_length; ++j) {
        for (int64_t d = 0; d < dim; ++d) {
          const int64_t to = (segment.q_begin + j) * args.dkv_stride + kv_head * dim + d;
          store(args.dk, args.kind, to, dk[static_cast<size_t>(j * dim + d)]);
          store(args.dv, args.kind, to, dv[static_cast<size_t>(j * dim + d)]);
        }
      }
    }
  }
}

}  // namespace astarpo::reference
