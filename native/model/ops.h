// Tensor-level operations of the decoder. Each looks at its tensors' device: on the CPU the kernel table's entry runs; on
// another device that device's entry if it has one, else the same formula through ATen. No autograd: the decoder calls the
// backward functions itself. Shapes as in kernels/ops.h; outputs are allocated here.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "native/kernels/ops.h"

namespace astarpo::ops {

Kind kind_of(const at::Tensor& tensor);

// x[rows, in] · weight[out, in]ᵀ + bias[out]. On the CPU fp32 and `reproducible` bf16 take the table's
// gemm, other bf16 ATen's; other devices ATen's.
// out_float32: result in fp32 whatever the inputs (the vocabulary head).
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool reproducible, bool out_float32 = false);
// Accumulates dweight [out, in] and dbias [out] (fp32, undefined = frozen) and returns dx in x's dtype.
// dy may be fp32 while x and weight are bf16 (head).
at::Tensor linear_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, at::Tensor& dweight, at::Tensor& dbias,
                           bool reproducible);

// a[m, k] · b[k, n] in fp32, whatever the operands' kinds and strides; on the CPU by the table's gemm always.
at::Tensor mm(const at::Tensor& a, const at::Tensor& b);
// c[m, n] += a · b, summed in fp32 and rounded once to c's kind. Rows of c are contiguous.
void addmm_(at::Tensor c, const at::Tensor& a, const at::Tensor& b);

// Inverted dropout of x[rows, columns], in fp32: an element is 0 with the given probability, else x / (1 − probability). Which
// ones depends on (seed, row, column) alone, on every device alike.
struct Dropout {
  double probability = 0;
  uint64_t seed = 0;
};
at::Tensor dropout(const at::Tensor& x, const Dropout& options);

at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids);  // ids int32 [rows]
void embedding_backward(at::Tensor& dtable, const at::Tensor& ids, const at::Tensor& dx);

struct Normed {
  at::Tensor y, rstd;
};
Normed rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, bool keep_rstd);
at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& rstd,
                             at::Tensor& dweight);
// The same for every head of a [rows, heads, head_dim] view whose rows may be strided; rstd fp32 [rows, heads]. y may be x.
void rms_norm_heads(const at::Tensor& x, const at::Tensor& weight, double eps, at::Tensor y, at::Tensor rstd);
// In place: dy becomes dx. Accumulates dweight [head_dim] (undefined = frozen).
void rms_norm_heads_backward_(at::Tensor dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& rstd, at::Tensor& dweight);

// In place on a [rows, heads, head_dim] view whose rows may be strided (slices of the fused qkv).
void rope_(at::Tensor x, const at::Tensor& positions, const at::Tensor& cos, const at::Tensor& sin, bool inverse);

at::Tensor swiglu(const at::Tensor& gate_up);
// in_place: the result may take the memory of gate_up, which the caller has no more use for.
at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up, bool in_place = false);

// Where one segment's keys live.
struct KeySource {
  int64_t q_begin, q_length, kv_length;
  at::Tensor k, v;       // [>= kv_begin + kv_length, kv_heads, head_dim], rows may be strided, same stride for both
  int64_t kv_begin = 0;  // the first key's row: cheaper than a view per segment
};
struct Attended {
  at::Tensor out, lse;
};  // out [rows, heads, head_dim] contiguous, lse fp32 [rows, heads] or undefined
// window: how many keys a query sees, its own included; 0 = all before it.
Attended attention(const at::Tensor& q, const std::vector<KeySource>& sources, double scale, int64_t window, bool keep_lse);

struct AttentionGradients {
  at::Tensor dq, dk, dv;
};  // views of the given dqkv
// q, k, v: [rows, heads | kv_heads, head_dim] views of the fused qkv; segments as (begin, length); writes dq, dk, dv.
void attention_backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const std::vector<std::pair<int64_t, int64_t>>& segments, const Attended& attended, const at::Tensor& dout,
                        double scale, int64_t window, at::Tensor dq, at::Tensor dk, at::Tensor dv);

// Copies rows of a token step into caches: rows [to_begin, to_begin + length) of `to`, [capacity, kv_heads, head_dim], receive
// from's rows [begin, begin + length).
struct RowCopy {
  int64_t begin, length;
  at::Tensor to;
  int64_t to_begin = 0;
};
void copy_rows(const at::Tensor& from, const std::vector<RowCopy>& copies);

struct TokenStats {
  at::Tensor logp, lse, reference_lse, entropy, kl;
};  // fp32 [rows]; undefined where not asked
TokenStats token_stats(const at::Tensor& logits, const at::Tensor& reference_logits, const at::Tensor& inverse_temperature,
                       const at::Tensor& targets, bool want_entropy);
// In place: logits become dlogits.
void token_gradient_(at::Tensor& logits, const at::Tensor& reference_logits, const at::Tensor& inverse_temperature,
                     const at::Tensor& targets, const TokenStats& stats, const at::Tensor& g_logp, const at::Tensor& g_entropy,
                     const at::Tensor& g_kl);

// Host-side results; logits stay on their device.
void sample(const at::Tensor& logits, const std::vector<SampleRow>& rows, int32_t* token, float* logp);

double sum_squares(const at::Tensor& x);  // fp32
struct AdamWOptions {
  double lr, beta1, beta2, eps, weight_decay;
  int64_t step;
  float grad_scale;
};
void adamw_(at::Tensor& master, at::Tensor& exp_avg, at::Tensor& exp_avg_sq, const at::Tensor& grad, at::Tensor& value,
            const AdamWOptions& options);

}  // namespace astarpo::ops
