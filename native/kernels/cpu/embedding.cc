#include "native/kernels/cpu/simd.h"
#include "native/kernels/cpu/table.h"

namespace astarpo::ASTARPO_ISA {

void embedding(const EmbeddingArgs& args, Stream) {
  const int64_t bytes = args.width * (args.kind == Kind::f32 ? 4 : 2);
  for_ranges(args.rows, 0.1 * (double)bytes, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      __builtin_memcpy(static_cast<char*>(args.x) + r * bytes, static_cast<const char*>(args.table) + args.ids[r] * bytes, (size_t)bytes);
    }
  });
}

// Two rows may have the same id, so threads share the columns, never the rows.
void embedding_backward(const EmbeddingBackwardArgs& args, Stream) {
  with_kind(args.kind, [&](auto memory) {
    using M = decltype(memory);
    using F = Memory<Kind::f32>;
    const int64_t vectors = divide_up(args.width, kWidth);
    for_ranges(vectors, 3.0 * (double)args.rows, [&](int64_t begin, int64_t end) {
      const int64_t first = begin * kWidth, last = minimum(args.width, end * kWidth);
      for (int64_t r = 0; r < args.rows; ++r) {
        const auto* dx = static_cast<const typename M::Element*>(args.dx) + r * args.width + first;
        float* to = args.dtable + args.ids[r] * args.width + first;
        for_vectors(last - first, [&](int64_t at, int64_t count) {
          put_some<F>(to + at, get_some<F>(to + at, count) + get_some<M>(dx + at, count), count);
        });
      }
    });
  });
}

}  // namespace astarpo::ASTARPO_ISA
