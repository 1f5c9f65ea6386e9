// The table of kernels: one per device, raw pointers and sizes only, so that CPU, CUDA and the plain reference implement
// exactly the same contract. Kernels know nothing above them: no model, no Node, no tensor.
//
// Reproducibility contract (CPU and reference): what an entry computes for one output row depends on that row's inputs alone,
// never on how many other rows are in the call, on how the call was cut, or on the number of threads. Reductions over k
// (gemm), keys (attention) and columns (the row kernels) therefore run in one fixed order. Results accumulate in fp32.
#pragma once

#include <cstdint>

namespace astarpo {

inline constexpr int32_t kOpsVersion = 2;

enum class Kind : int32_t { f32 = 0, bf16 = 1 };

// Device stream; null on the CPU.
using Stream = void*;

// C[m,n] (+)= A[m,k] · B[k,n] (+ bias[n]); strides in elements, so any transposition is a choice of strides.
// C rows are contiguous (column stride 1). With `accumulate`, C is read and added to once, after the sum over k.
struct GemmArgs {
  int64_t m, n, k;
  const void* a;
  Kind a_kind;
  int64_t a_row_stride, a_col_stride;
  const void* b;
  Kind b_kind;
  int64_t b_row_stride, b_col_stride;
  void* c;
  Kind c_kind;
  int64_t c_row_stride;
  const void* bias;  // [n] or null
  Kind bias_kind;
  bool accumulate;
};

// Every head of x[rows, heads, columns] on its own; a plain matrix has one head. Heads are contiguous, strides are elements
// between rows, so heads may lie inside a wider matrix. y[r,h,c] = x[r,h,c] · rstd[r,h] · weight[c],
// rstd = 1/sqrt(mean_c(x²) + eps). rstd may be null when no backward follows; y may be x.
struct RmsNormArgs {
  int64_t rows, heads, columns;
  const void* x;
  int64_t x_stride;
  Kind kind;           // of x and y
  const void* weight;  // [columns]
  Kind weight_kind;
  float eps;
  void* y;
  int64_t y_stride;
  float* rstd;  // [rows, heads] or null
};

// dx[r,h,c] = rstd·(weight[c]·dy − xhat·mean_c(weight·dy·xhat)), xhat = x·rstd; dweight[c] += Σ_r Σ_h dy·xhat (rows, then
// heads, in order). dx may be dy.
struct RmsNormBackwardArgs {
  int64_t rows, heads, columns;
  const void* dy;
  int64_t dy_stride;
  const void* x;
  int64_t x_stride;
  Kind kind;  // of dy, x and dx
  const void* weight;
  Kind weight_kind;
  const float* rstd;  // [rows, heads]
  void* dx;
  int64_t dx_stride;
  float* dweight;  // [columns], fp32, accumulated into; null when the weight is frozen
};

// In place on x[rows, heads, head_dim] (row_stride elements between rows): rotates the pairs (i, i + head_dim/2), the
// half-split layout of Hugging Face, by angle table entries cos/sin[position, head_dim/2]. inverse: rotates back.
struct RopeArgs {
  int64_t rows, heads, head_dim;
  void* x;
  Kind kind;
  int64_t row_stride;
  const int32_t* positions;  // [rows]
  const float* cos;          // [max_position, head_dim / 2]
  const float* sin;
  bool inverse;
};

// y[r,i] = silu(gate[r,i]) · up[r,i] with gate = x[r, 0:width], up = x[r, width:2·width] of one [rows, 2·width] matrix.
struct SwigluArgs {
  int64_t rows, width;
  const void* gate_up;
  Kind kind;
  void* y;  // [rows, width]
};
struct SwigluBackwardArgs {
  int64_t rows, width;
  const void* dy;       // [rows, width]
  const void* gate_up;  // [rows, 2·width]
  Kind kind;
  void* dgate_up;  // [rows, 2·width]; may be the same memory as gate_up
};

// One run of consecutive query rows and the keys that they see: query i (0-based inside the segment) sees keys 0 … p,
// p = kv_length − q_length + i, or the last `window` of those. Training points k/v at the segment's own rows; decoding points
// them at a cache.
struct AttentionSegment {
  int64_t q_begin, q_length, kv_length;
  const void* k;  // [kv_length, kv_heads, head_dim], key_stride elements between keys
  const void* v;
  int64_t key_stride;
};

// out[row, head] = softmax(scale · q·kᵀ) · v; head h reads kv head h / (heads / kv_heads). lse (natural log of the sum of
// exponentials, per row and head) is kept for the backward pass; null when none follows.
struct AttentionArgs {
  const AttentionSegment* segments;
  int64_t segment_count;
  int64_t heads, kv_heads, head_dim;
  int64_t window;  // keys that a query sees, its own included; 0 = all
  float scale;
  Kind kind;  // of q, k, v and out
  const void* q;
  int64_t q_stride;  // elements between rows of q
  void* out;         // [rows, heads, head_dim]
  int64_t out_stride;
  float* lse;  // [rows, heads] or null
};

// Segments are those of training: k/v of a segment are its own rows (kv_length = q_length) of matrices that share key_stride;
// dk/dv rows have dkv_stride and start at row q_begin. dq, dk, dv are written, not accumulated.
struct AttentionBackwardArgs {
  const AttentionSegment* segments;
  int64_t segment_count;
  int64_t heads, kv_heads, head_dim;
  int64_t window;  // as in AttentionArgs
  float scale;
  Kind kind;
  const void* q;
  int64_t q_stride;
  const void* out;
  const void* dout;
  int64_t out_stride;  // of out and dout
  const float* lse;
  void* dq;
  int64_t dq_stride;
  void* dk;
  void* dv;
  int64_t dkv_stride;
};

// Copies k/v rows of a token step into caches: for each item, `rows` rows of `width` elements.
struct CopyRowsItem {
  const void* from;
  int64_t from_stride;
  void* to;
  int64_t to_stride;
  int64_t rows;
};
struct CopyRowsArgs {
  const CopyRowsItem* items;
  int64_t count;
  int64_t width;
  Kind kind;
};

// x[r,:] = table[ids[r],:].
struct EmbeddingArgs {
  int64_t rows, width;
  const int32_t* ids;
  const void* table;
  Kind kind;
  void* x;
};
// dtable[ids[r],:] += dx[r,:] in row order (fp32).
struct EmbeddingBackwardArgs {
  int64_t rows, width;
  const int32_t* ids;
  const void* dx;
  Kind kind;
  float* dtable;
};

// Per row of fp32 logits[rows, vocab] (row_stride): z = logits · inverse_temperature[r];
// logp = z[target] − logsumexp(z); entropy H = −Σ p·log p; kl = Σ p·(log p − log q), q from reference logits under the same
// temperature. lse is logsumexp(z). Null outputs are not computed.
struct TokenStatsArgs {
  int64_t rows, vocab;
  const float* logits;
  int64_t row_stride;
  const float* reference_logits;  // null unless kl
  int64_t reference_row_stride;
  const float* inverse_temperature;  // [rows]
  const int32_t* targets;            // [rows]
  float* logp;
  float* lse;
  float* reference_lse;
  float* entropy;
  float* kl;
};

// In place: logits become dLoss/dlogits for
//   Loss = Σ_r ( g_logp·logp + g_entropy·entropy + g_kl·kl ):
//   d/dz_v = g_logp·(1[v = target] − p_v) − g_entropy·p_v·(log p_v + H) + g_kl·p_v·(log p_v − log q_v − KL),
// times inverse_temperature[r]. Uses the row statistics that TokenStats returned.
struct TokenGradientArgs {
  int64_t rows, vocab;
  float* logits;
  int64_t row_stride;
  const float* reference_logits;
  int64_t reference_row_stride;
  const float* inverse_temperature;
  const int32_t* targets;
  const float* lse;
  const float* reference_lse;
  const float* entropy;
  const float* kl;
  const float* g_logp;     // [rows] or null
  const float* g_entropy;  // [rows] or null
  const float* g_kl;       // [rows] or null
};

// Sampling, one row each (algorithm in kernels/reference/sample.cc). Greedy takes the lowest index among equals. Otherwise
// z = logits · inverse_temperature; candidates are cut by top_k (0 = off), then top_p (1 = off), then min_p (0 = off); one
// uniform number drawn by the caller picks by inverse CDF over the candidates in vocabulary order. logp is always the log-prob
// of the picked token under the *untruncated* softmax of z.
struct SampleRow {
  float inverse_temperature;
  float top_p, min_p;
  int32_t top_k;
  int32_t greedy;  // 0 or 1
  double uniform;  // in [0, 1)
};
struct SampleArgs {
  int64_t rows, vocab;
  const float* logits;
  int64_t row_stride;
  const SampleRow* row;
  int32_t* token;  // [rows]
  float* logp;     // [rows]
};

// Decoupled weight decay (Loshchilov & Hutter), fp32 master and moments, bias-corrected as in torch.optim.AdamW:
//   p ← p·(1 − lr·wd);  m ← β1·m + (1−β1)·g;  v ← β2·v + (1−β2)·g²;
//   p ← p − lr·(m / (1−β1ᵗ)) / (sqrt(v / (1−β2ᵗ)) + eps).  g is grad · grad_scale (global-norm clip).
struct AdamWArgs {
  int64_t count;
  float* master;
  float* exp_avg;
  float* exp_avg_sq;
  const float* grad;
  float grad_scale;
  double lr, beta1, beta2, eps, weight_decay;
  int64_t step;  // t, from 1
  void* value;   // the model's copy, written from master; may be master itself when kind is f32
  Kind kind;
};

// Sum of squares of count fp32 numbers, in doubles and in a fixed order.
struct SumSquaresArgs {
  int64_t count;
  const float* x;
  double* result;
};

// A null entry means: this device has no kernel of its own; model/ops.cc computes the same through ATen.
struct Ops {
  int32_t version;   // kOpsVersion of the file that filled the table
  const char* name;  // 'reference', 'cpu-avx512', 'cuda', …
  void (*gemm)(const GemmArgs&, Stream);
  void (*rms_norm)(const RmsNormArgs&, Stream);
  void (*rms_norm_backward)(const RmsNormBackwardArgs&, Stream);
  void (*rope)(const RopeArgs&, Stream);
  void (*swiglu)(const SwigluArgs&, Stream);
  void (*swiglu_backward)(const SwigluBackwardArgs&, Stream);
  void (*attention)(const AttentionArgs&, Stream);
  void (*attention_backward)(const AttentionBackwardArgs&, Stream);
  void (*copy_rows)(const CopyRowsArgs&, Stream);
  void (*embedding)(const EmbeddingArgs&, Stream);
  void (*embedding_backward)(const EmbeddingBackwardArgs&, Stream);
  void (*token_stats)(const TokenStatsArgs&, Stream);
  void (*token_gradient)(const TokenGradientArgs&, Stream);
  void (*sample)(const SampleArgs&, Stream);
  void (*adamw)(const AdamWArgs&, Stream);
  void (*sum_squares)(const SumSquaresArgs&, Stream);
};

// The plain reference: one loop nest per entry, no vectors, no threads. Tests compare every other table with it.
const Ops& reference_ops();

// The fastest table that this processor can run (AVX-512, AVX2 or baseline code of the same sources).
const Ops& cpu_ops();

// The CUDA table, or null until register_cuda_ops() was called with the plug-in's. An entry may be null.
const Ops* cuda_ops();
// Throws astarpo::Error ASTARPO_ABI when the plug-in was built from another ops.h.
void register_cuda_ops(const Ops* ops);

}  // namespace astarpo

// What libastarpo_cuda.so exports.
extern "C" const astarpo::Ops* astarpo_cuda_ops();
