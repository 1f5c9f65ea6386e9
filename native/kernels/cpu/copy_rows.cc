#include "native/kernels/cpu/simd.h"
#include "native/kernels/cpu/table.h"

namespace astarpo::ASTARPO_ISA {

void copy_rows(const CopyRowsArgs& args, Stream) {
  const int64_t size = args.kind == Kind::f32 ? 4 : 2;
  int64_t rows = 0;
  for (int64_t i = 0; i < args.count; ++i) rows += args.items[i].rows;
  const double each = args.count == 0 ? 0.0 : 0.1 * (double)(size * args.width) * (double)rows / (double)args.count;
  for_ranges(args.count, each, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const CopyRowsItem& item = args.items[i];
      for (int64_t r = 0; r < item.rows; ++r) {
        __builtin_memcpy(static_cast<char*>(item.to) + r * item.to_stride * size,
                         static_cast<const char*>(item.from) + r * item.from_stride * size, (size_t)(args.width * size));
      }
    }
  });
}

}  // namespace astarpo::ASTARPO_ISA
