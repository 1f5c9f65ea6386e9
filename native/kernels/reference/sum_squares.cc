#include "native/kernels/reference/table.h"

namespace astarpo::reference {

void sum_squares(const SumSquaresArgs& args, Stream) {
  double sum = 0;
  for (int64_t i = 0; i < args.count; ++i) sum += double{args.x[i]} * args.x[i];
  *args.result = sum;
}

}  // namespace astarpo::reference
