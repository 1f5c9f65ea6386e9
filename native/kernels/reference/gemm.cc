#include "native/kernels/reference/element.h"
#include "native/kernels/reference/table.h"

namespace astarpo::reference {

void gemm(const GemmArgs& args, Stream) {
  for (int64_t m = 0; m < args.m; ++m) {
    for (int64_t n = 0; n < args.n; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < args.k; ++k) {
        sum += load(args.a, args.a_kind, m * args.a_row_stride + k * args.a_col_stride) *
               load(args.b, args.b_kind, k * args.b_row_stride + n * args.b_col_stride);
      }
      if (args.bias) sum += load(args.bias, args.bias_kind, n);
      const int64_t at = m * args.c_row_stride + n;
      if (args.accumulate) sum += load(args.c, args.c_kind, at);
      store(args.c, args.c_kind, at, sum);
    }
  }
}

}  // namespace astarpo::reference
