// Entries of the reference table, one file each.
#pragma once

#include "native/kernels/ops.h"

namespace astarpo::reference {

void gemm(const GemmArgs& args, Stream);
void rms_norm(const RmsNormArgs& args, Stream);
void rms_norm_backward(const RmsNormBackwardArgs& args, Stream);
void rope(const RopeArgs& args, Stream);
void swiglu(const SwigluArgs& args, Stream);
void swiglu_backward(const SwigluBackwardArgs& args, Stream);
void attention(const AttentionArgs& args, Stream);
void attention_backward(const AttentionBackwardArgs& args, Stream);
void copy_rows(const CopyRowsArgs& args, Stream);
void embedding(const EmbeddingArgs& args, Stream);
void embedding_backward(const EmbeddingBackwardArgs& args, Stream);
void token_stats(const TokenStatsArgs& args, Stream);
void token_gradient(const TokenGradientArgs& args, Stream);
void sample(const SampleArgs& args, Stream);
void adamw(const AdamWArgs& args, Stream);
void sum_squares(const SumSquaresArgs& args, Stream);

}  // namespace astarpo::reference
