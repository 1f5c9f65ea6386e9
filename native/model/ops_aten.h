// The formulas of ops.h in ATen operations: what runs on a device that has no kernel of its own. Device-generic, so that tests
// compare them with the reference kernels on the CPU.
#pragma once

#include "native/model/ops.h"

namespace astarpo::ops::aten {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool out_float32);
at::Tensor linear_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, at::Tensor& dweight, at::Tensor& dbias);
at::Tensor mm(const at::Tensor& a, const at::Tensor& b);
void addmm_(at::Tensor c, const at::Tensor& a, const at::Tensor& b);
at::Tensor dropout(const at::Tensor& x, const Dropout& options);
at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids);
void embedding_backward(at::Tensor& dtable, const at::Tensor& ids, const at::Tensor& dx);
Normed rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, bool keep_rstd);
at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& rstd,
                             at::Tensor& dweight);
void rms_norm_heads(const at::Tensor& x, const at::Tensor& weight, double eps, at::Tensor y, at::Tensor rstd);
void rms_norm_heads_backward_(at::Tensor dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& rstd, at::Tensor& dweight);
void rope_(at::Tensor x, const at::Tensor& positions, const at::Tensor& cos, const at::Tensor& sin, bool inverse);
at::Tensor swiglu(const at::Tensor& gate_up);
at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up);
Attended attention(const at::Tensor& q, const std::vector<KeySource>& sources, double scale, int64_t window, bool keep_lse);
void attention_backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const std::vector<std::pair<int64_t, int64_t>>& segments, const Attended& attended, const at::Tensor& dout,
                        double scale, int64_t window, at::Tensor dq, at::Tensor dk, at::Tensor dv);
void copy_rows(const at::Tensor& from, const std::vector<RowCopy>& copies);
TokenStats token_stats(const at::Tensor& logits, const at::Tensor& reference_logits, const at::Tensor& inverse_temperature,
                       const at::Tensor& targets, bool want_entropy);
void token_gradient_(at::Tensor& logits, const at::Tensor& reference_logits, const at::Tensor& inverse_temperature,
                     const at::Tensor& targets, const TokenStats& stats, const at::Tensor& g_logp, const at::Tensor& g_entropy,
                     const at::Tensor& g_kl);
void sample(const at::Tensor& logits, const std::vector<SampleRow>& rows, int32_t* token, float* logp);
double sum_squares(const at::Tensor& x);
void adamw_(at::Tensor& master, at::Tensor& exp_avg, at::Tensor& exp_avg_sq, const at::Tensor& grad, at::Tensor& value,
            const AdamWOptions& options);

}  // namespace astarpo::ops::aten
