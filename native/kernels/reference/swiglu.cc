#include <cmath>

#include "native/kernels/reference/element.h"
#include "native/kernels/reference/table.h"

namespace astarpo::reference {

void swiglu(const SwigluArgs& args, Stream) {
  for (int64_t r = 0; r < args.rows; ++r) {
    for (int64_t i = 0; i < args.width; ++i) {
      const double gate = load(args.gate_up, args.kind, r * 2 * args.width + i);
      const double up = load(args.gate_up, args.kind, r * 2 * args.width + args.width + i);
      store(args.y, args.kind, r * args.width + i, gate / (1.0 + std::exp(-gate)) * up);
    }
  }
}

void swiglu_backward(const SwigluBackwardArgs& args, Stream) {
  for (int64_t r = 0; r < args.rows; ++r) {
    for (int64_t i = 0; i < args.width; ++i) {
      const int64_t at_gate = r * 2 * args.width + i;
      const int64_t at_up = at_gate + args.width;
      const double dy = load(args.dy, args.kind, r * args.width + i);
      const double gate = load(args.gate_up, args.kind, at_gate);
      const double up = load(args.gate_up, args.kind, at_up);
      const double sigmoid = 1.0 / (1.0 + std::exp(-gate));
      store(args.dgate_up, args.kind, at_gate, dy * up * sigmoid * (1.0 + gate * (1.0 - sigmoid)));
      store(args.dgate_up, args.kind, at_up, dy * gate * sigmoid);
    }
  }
}

}  // namespace astarpo::reference
