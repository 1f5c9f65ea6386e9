#include "native/kernels/cpu/table.h"

#define ASTARPO_NAME_OF(isa) #isa
#define ASTARPO_NAME(isa) "cpu-" ASTARPO_NAME_OF(isa)

namespace astarpo::ASTARPO_ISA {

const Ops& ops() {
  static constexpr Ops table{
      kOpsVersion,
      ASTARPO_NAME(ASTARPO_ISA),
      gemm,
      rms_norm,
      rms_norm_backward,
      rope,
      swiglu,
      swiglu_backward,
      attention,
      attention_backward,
      copy_rows,
      embedding,
      embedding_backward,
      token_stats,
      token_gradient,
      sample,
      adamw,
      sum_squares,
  };
  return table;
}

}  // namespace astarpo::ASTARPO_ISA
