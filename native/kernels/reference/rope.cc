#include "native/kernels/reference/element.h"
#include "native/kernels/reference/table.h"

namespace astarpo::reference {

void rope(const RopeArgs& args, Stream) {
  const int64_t half = args.head_dim / 2;
  for (int64_t r = 0; r < args.rows; ++r) {
    for (int64_t h = 0; h < args.heads; ++h) {
      for (int64_t i = 0; i < half; ++i) {
        const int64_t first = r * args.row_stride + h * args.head_dim + i;
        const int64_t second = first + half;
        const double c = args.cos[args.positions[r] * half + i];
        const double s = args.inverse ? -args.sin[args.positions[r] * half + i] : args.sin[args.positions[r] * half + i];
        const double a = load(args.x, args.kind, first);
        const double b = load(args.x, args.kind, second);
        store(args.x, args.kind, first, a * c - b * s);
        store(args.x, args.kind, second, b * c + a * s);
      }
    }
  }
}

}  // namespace astarpo::reference
