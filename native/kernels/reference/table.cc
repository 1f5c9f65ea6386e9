#include "native/kernels/reference/table.h"

namespace astarpo {

const Ops& reference_ops() {
  static const Ops table{
      kOpsVersion,
      "reference",
      reference::gemm,
      reference::rms_norm,
      reference::rms_norm_backward,
      reference::rope,
      reference::swiglu,
      reference::swiglu_backward,
      reference::attention,
      reference::attention_backward,
      reference::copy_rows,
      reference::embedding,
      reference::embedding_backward,
      reference::token_stats,
      reference::token_gradient,
      reference::sample,
      reference::adamw,
      reference::sum_squares,
  };
  return table;
}

}  // namespace astarpo
