#include <cmath>

#include "native/kernels/reference/element.h"
#include "native/kernels/reference/table.h"

namespace astarpo::reference {

void rms_norm(const RmsNormArgs& args, Stream) {
  for (int64_t r = 0; r < args.rows; ++r) {
    double squares = 0;
    for (int64_t c = 0; c < args.columns; ++c) {
      const double x = load(args.x, args.kind, r * args.columns + c);
      squares += x * x;
    }
    const double rstd = 1.0 / std::sqrt(squares / static_cast<double>(args.columns) + args.eps);
    for (int64_t c = 0; c < args.columns; ++c) {
      const int64_t at = r * args.columns + c;
      store(args.y, args.kind, at, load(args.x, args.kind, at) * rstd * load(args.weight, args.weight_kind, c));
    }
    if (args.rstd) args.rstd[r] = static_cast<float>(rstd);
  }
}

void rms_norm_backward(const RmsNormBackwardArgs& args, Stream) {
  if (args.dweight) {
    for (int64_t c = 0; c < args.columns; ++c) {
      double sum = 0;
      for (int64_t r = 0; r < args.rows; ++r) {
        const int64_t at = r * args.columns + c;
        sum += load(args.dy, args.kind, at) * load(args.x, args.kind, at) * args.rstd[r];
      }
      args.dweight[c] = static_cast<float>(args.dweight[c] + sum);
    }
  }
  for (int64_t r = 0; r < args.rows; ++r) {
    const double rstd = args.rstd[r];
    double mean = 0;
    for (int64_t c = 0; c < args.columns; ++c) {
      const int64_t at = r * args.columns + c;
      mean += load(args.weight, args.weight_kind, c) * load(args.dy, args.kind, at) * load(args.x, args.kind, at) * rstd;
    }
    mean /= static_cast<double>(args.columns);
    for (int64_t c = 0; c < args.columns; ++c) {
      const int64_t at = r * args.columns + c;
      const double xhat = load(args.x, args.kind, at) * rstd;
      store(args.dx, args.kind, at, rstd * (load(args.weight, args.weight_kind, c) * load(args.dy, args.kind, at) - xhat * mean));
    }
  }
}

}  // namespace astarpo::reference
