#include "native/kernels/reference/element.h"
#include "native/kernels/reference/table.h"

namespace astarpo::reference {

void embedding(const EmbeddingArgs& args, Stream) {
  for (int64_t r = 0; r < args.rows; ++r) {
    for (int64_t c = 0; c < args.width; ++c) {
      store(args.x, args.kind, r * args.width + c, load(args.table, args.kind, args.ids[r] * args.width + c));
    }
  }
}

void embedding_backward(const EmbeddingBackwardArgs& args, Stream) {
  for (int64_t r = 0; r < args.rows; ++r) {
    for (int64_t c = 0; c < args.width; ++c) {
      args.dtable[args.ids[r] * args.width + c] += static_cast<float>(load(args.dx, args.kind, r * args.width + c));
    }
  }
}

}  // namespace astarpo::reference
