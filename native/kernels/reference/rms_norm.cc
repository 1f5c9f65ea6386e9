#include <cmath>

#include "native/kernels/reference/element.h"
#include "native/kernels/reference/table.h"

namespace astarpo::reference {

void rms_norm(const RmsNormArgs& args, Stream) {
  for (int64_t r = 0; r < args.rows; ++r) {
    for (int64_t h = 0; h < args.heads; ++h) {
      const int64_t from = r * args.x_stride + h * args.columns, to = r * args.y_stride + h * args.columns;
      double squares = 0;
      for (int64_t c = 0; c < args.columns; ++c) {
        const double x = load(args.x, args.kind, from + c);
        squares += x * x;
      }
      const double rstd = 1.0 / std::sqrt(squares / static_cast<double>(args.columns) + args.eps);
      for (int64_t c = 0; c < args.columns; ++c) {
        store(args.y, args.kind, to + c, load(args.x, args.kind, from + c) * rstd * load(args.weight, args.weight_kind, c));
      }
      if (args.rstd) args.rstd[r * args.heads + h] = static_cast<float>(rstd);
    }
  }
}

void rms_norm_backward(const RmsNormBackwardArgs& args, Stream) {
  // One head of one row.
  struct Head {
    const RmsNormBackwardArgs& args;
    int64_t r, h;
    double rstd() const { return args.rstd[r * args.heads + h]; }
    double dy(int64_t c) const { return load(args.dy, args.kind, r * args.dy_stride + h * args.columns + c); }
    double xhat(int64_t c) const { return load(args.x, args.kind, r * args.x_stride + h * args.columns + c) * rstd(); }
    double weighted_dy(int64_t c) const { return load(args.weight, args.weight_kind, c) * dy(c); }
  };
  const auto for_heads = [&](auto&& body) {
    for (int64_t r = 0; r < args.rows; ++r) {
      for (int64_t h = 0; h < args.heads; ++h) body(Head{args, r, h});
    }
  };
  if (args.dweight) {
    for (int64_t c = 0; c < args.columns; ++c) {
      double sum = 0;
      for_heads([&](const Head& head) { sum += head.dy(c) * head.xhat(c); });
      args.dweight[c] = static_cast<float>(args.dweight[c] + sum);
    }
  }
  for_heads([&](const Head& head) {
    double mean = 0;
    for (int64_t c = 0; c < args.columns; ++c) mean += head.weighted_dy(c) * head.xhat(c);
    mean /= static_cast<double>(args.columns);
    for (int64_t c = 0; c < args.columns; ++c) {
      store(args.dx, args.kind, head.r * args.dx_stride + head.h * args.columns + c,
            head.rstd() * (head.weighted_dy(c) - head.xhat(c) * mean));
    }
  });
}

}  // namespace astarpo::reference
