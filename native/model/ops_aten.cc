#include "native/model/ops_aten.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

namespace astarpo::ops::aten {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool out_float32) {
  if (!out_float32 || x.scalar_type() == at::kFloat)
    return at::linear(x, weight, bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt);
  // Only CUDA has a product of half-width inputs with an fp32 result.
  at::Tensor y = x.is_cuda() ? at::mm(x, weight.t(), at::kFloat) : at::mm(x.to(at::kFloat), weight.t().to(at::kFloat));
  if (bias.defined()) y.add_(bias);
  return y;
}

at::Tensor linear_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, at::Tensor& dweight, at::Tensor& dbias) {
  const at::Tensor d = dy.to(x.scalar_type());
  if (dweight.defined()) {
    if (x.scalar_type() == at::kFloat) {
      dweight.addmm_(d.t(), x);
    } else {
      dweight.add_(at::mm(d.t(), x));
    }
  }
  if (dbias.defined()) dbias.add_(dy.to(at::kFloat).sum(0));
  return at::mm(d, weight);
}

at::Tensor mm(const at::Tensor& a, const at::Tensor& b) { return at::mm(a.to(at::kFloat), b.to(at::kFloat)); }

void addmm_(at::Tensor c, const at::Tensor& a, const at::Tensor& b) { c.add_(aten::mm(a, b)); }

at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids) { return table.index_select(0, ids); }

void embedding_backward(at::Tensor& dtable, const at::Tensor& ids, const at::Tensor& dx) { dtable.index_add_(0, ids, dx.to(at::kFloat)); }

Normed rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, bool keep_rstd) {
  const at::Tensor wide = x.to(at::kFloat);
  at::Tensor rstd = at::rsqrt(wide.square().mean(-1, true).add_(eps));
  at::Tensor y = (wide * rstd * weight.to(at::kFloat)).to(x.scalar_type());
  return {y, keep_rstd ? rstd.squeeze(-1) : at::Tensor()};
}

at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& rstd,
                             at::Tensor& dweight) {
  const at::Tensor scale = rstd.unsqueeze(-1);
  const at::Tensor xhat = x.to(at::kFloat) * scale;
  const at::Tensor wide = dy.to(at::kFloat);
  if (dweight.defined()) dweight.add_((wide * xhat).reshape({-1, x.size(-1)}).sum(0));
  const at::Tensor scaled = wide * weight.to(at::kFloat);
  return (scale * (scaled - xhat * (scaled * xhat).mean(-1, true))).to(x.scalar_type());
}

void rms_norm_heads(const at::Tensor& x, const at::Tensor& weight, double eps, at::Tensor y, at::Tensor rstd) {
  const Normed normed = rms_norm(x, weight, eps, rstd.defined());
  y.copy_(normed.y);
  if (rstd.defined()) rstd.copy_(normed.rstd);
}

void rms_norm_heads_backward_(at::Tensor dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& rstd, at::Tensor& dweight) {
  dy.copy_(rms_norm_backward(dy, x, weight, rstd, dweight));
}

void rope_(at::Tensor x, const at::Tensor& positions, const at::Tensor& cos, const at::Tensor& sin, bool inverse) {
  const int64_t half = x.size(-1) / 2;
  const at::Tensor c = cos.index_select(0, positions).unsqueeze(1);
  const at::Tensor s = inverse ? sin.index_select(0, positions).unsqueeze(1).neg() : sin.index_select(0, positions).unsqueeze(1);
  at::Tensor first = x.narrow(-1, 0, half), second = x.narrow(-1, half, half);
  const at::Tensor a = first.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true), b = second.to(at::kFloat, false, true);
  first.copy_(a * c - b * s);
  second.copy_(b * c + a * s);
}

at::Tensor swiglu(const at::Tensor& gate_up) {
  const int64_t width = gate_up.size(-1) / 2;
  const at::Tensor gate = gate_up.narrow(-1, 0, width).to(at::kFloat);
  return (gate * at::sigmoid(gate) * gate_up.narrow(-1, width, width).to(at::kFloat)).to(gate_up.scalar_type());
}

at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up) {
  const int64_t width = gate_up.size(-1) / 2;
  const at::Tensor gate = gate_up.narrow(-1, 0, width).to(at::kFloat);
  const at::Tensor up = gate_up.narrow(-1, width, width).to(at::kFloat);
  const at::Tensor d = dy.to(at::kFloat);
  const at::Tensor sigmoid = at::sigmoid(gate);
  at::Tensor dgate_up = at::empty_like(gate_up);
  dgate_up.narrow(-1, 0, width).copy_(d * up * sigmoid * (1.0 + gate * (1.0 - sigmoid)));
  dgate_up.narrow(-1, width, width).copy_(d * gate * sigmoid);
  return dgate_up;
}

namespace {

// [rows, heads, dim] as fp32 [kv_heads, group · rows, dim]: the heads of one group lie one after another.
at::Tensor by_group(const at::Tensor& x, int64_t kv_heads) {
  return x.to(at::kFloat).permute({1, 0, 2}).contiguous().view({kv_heads, -1, x.size(2)});
}
at::Tensor from_group(const at::Tensor& x, int64_t heads, int64_t rows) { return x.view({heads, rows, x.size(-1)}).permute({1, 0, 2}); }

// Queries of a segment that see nearly the same keys, and the keys that one of them sees.
struct Block {
  int64_t query, queries, key, keys;  // first and count
};

// Without a window the whole segment. With one, runs of about its length: half of a block's scores are then masked, however long the
// segment is.
std::vector<Block> blocks_of(int64_t q_length, int64_t kv_length, int64_t window) {
  constexpr int64_t kFewestQueries = 64;
  const int64_t step = window > 0 ? std::max(window, kFewestQueries) : q_length;
  std::vector<Block> blocks;
  for (int64_t query = 0; query < q_length; query += step) {
    const int64_t queries = std::min(step, q_length - query), position = kv_length - q_length + query;
    const int64_t key = window > 0 ? std::max<int64_t>(0, position + 1 - window) : 0;
    blocks.push_back({query, queries, key, position + queries - key});
  }
  return blocks;
}

// scale · q·kᵀ with −inf where a query does not see a key: [kv_heads, group · queries, keys]. The last query sees the last key.
at::Tensor masked_scores(const at::Tensor& q, const at::Tensor& k, int64_t queries, double scale, int64_t window) {
  const int64_t keys = k.size(1);
  const at::Tensor last =
      at::arange(queries, q.options().dtype(at::kLong)).add_(keys - queries).repeat({q.size(1) / queries}).unsqueeze(-1);
  const at::Tensor index = at::arange(keys, last.options());
  at::Tensor hidden = index > last;
  if (window > 0) hidden.logical_or_(index <= last - window);
  return at::matmul(q, k.transpose(1, 2)).mul_(scale).masked_fill_(hidden, -INFINITY);
}

at::Tensor zero_where(const at::Tensor& condition, const at::Tensor& x) { return x.masked_fill(condition, 0.0); }

}  // namespace

Attended attention(const at::Tensor& q, const std::vector<KeySource>& sources, double scale, int64_t window, bool keep_lse) {
  const int64_t heads = q.size(1);
  at::Tensor out = at::empty(q.sizes(), q.options());
  at::Tensor lse = keep_lse ? at::empty({q.size(0), heads}, q.options().dtype(at::kFloat)) : at::Tensor();
  for (const KeySource& source : sources) {
    for (const Block& block : blocks_of(source.q_length, source.kv_length, window)) {
      const int64_t kv_heads = source.k.size(1), row = source.q_begin + block.query;
      const at::Tensor k = source.k.narrow(0, source.kv_begin + block.key, block.keys).to(at::kFloat).transpose(0, 1);
      const at::Tensor v = source.v.narrow(0, source.kv_begin + block.key, block.keys).to(at::kFloat).transpose(0, 1);
      const at::Tensor scores = masked_scores(by_group(q.narrow(0, row, block.queries), kv_heads), k, block.queries, scale, window);
      const at::Tensor norm = at::logsumexp(scores, -1, true);
      const at::Tensor result = at::matmul((scores - norm).exp_(), v);
      out.narrow(0, row, block.queries).copy_(from_group(result, heads, block.queries));
      if (keep_lse) lse.narrow(0, row, block.queries).copy_(from_group(norm, heads, block.queries).squeeze(-1));
    }
  }
  return {out, lse};
}

void attention_backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const std::vector<std::pair<int64_t, int64_t>>& segments, const Attended& attended, const at::Tensor& dout,
                        double scale, int64_t window, at::Tensor dq, at::Tensor dk, at::Tensor dv) {
  const int64_t heads = q.size(1), kv_heads = k.size(1);
  for (const auto& [begin, length] : segments) {
    if (length == 0) continue;
    const at::Tensor keys = k.narrow(0, begin, length).to(at::kFloat).transpose(0, 1);
    const at::Tensor values = v.narrow(0, begin, length).to(at::kFloat).transpose(0, 1);
    const at::Tensor dkeys = at::zeros(keys.sizes(), keys.options()), dvalues = at::zeros(keys.sizes(), keys.options());
    for (const Block& block : blocks_of(length, length, window)) {
      const auto rows_of = [&, begin = begin](const at::Tensor& x) { return x.narrow(0, begin + block.query, block.queries); };
      const auto seen = [&](const at::Tensor& x) { return x.narrow(1, block.key, block.keys); };
      const at::Tensor queries = by_group(rows_of(q), kv_heads), d = by_group(rows_of(dout), kv_heads);
      const at::Tensor lse = by_group(rows_of(attended.lse).unsqueeze(-1), kv_heads);
      const at::Tensor p = (masked_scores(queries, seen(keys), block.queries, scale, window) - lse).exp_();
      const at::Tensor delta = (d * by_group(rows_of(attended.out), kv_heads)).sum(-1, true);
      const at::Tensor ds = (at::matmul(d, seen(values).transpose(1, 2)) - delta).mul_(p).mul_(scale);
      rows_of(dq).copy_(from_group(at::matmul(ds, seen(keys)), heads, block.queries));
      seen(dkeys).add_(at::matmul(ds.transpose(1, 2), queries));
      seen(dvalues).add_(at::matmul(p.transpose(1, 2), d));
    }
    dk.narrow(0, begin, length).copy_(dkeys.transpose(0, 1));
    dv.narrow(0, begin, length).copy_(dvalues.transpose(0, 1));
  }
}

void copy_rows(const at::Tensor& from, const std::vector<RowCopy>& copies) {
  for (const RowCopy& copy : copies) copy.to.narrow(0, copy.to_begin, copy.length).copy_(from.narrow(0, copy.begin, copy.length));
}

TokenStats token_stats(const at::Tensor& logits, const at::Tensor& reference_logits, const at::Tensor& inverse_temperature,
                       const at::Tensor& targets, bool want_entropy) {
  const at::Tensor inverse = inverse_temperature.unsqueeze(-1);
  const at::Tensor z = logits * inverse;
  TokenStats stats;
  stats.lse = at::logsumexp(z, -1);
  stats.logp = z.gather(1, targets.to(at::kLong).unsqueeze(-1)).squeeze(-1) - stats.lse;
  if (!want_entropy && !reference_logits.defined()) return stats;
  const at::Tensor log_p = z - stats.lse.unsqueeze(-1);
  const at::Tensor p = log_p.exp();
  if (want_entropy) stats.entropy = zero_where(p == 0, p * log_p).sum(-1).neg();
  if (reference_logits.defined()) {
    const at::Tensor other = reference_logits * inverse;
    stats.reference_lse = at::logsumexp(other, -1);
    stats.kl = zero_where(p == 0, p * (log_p - (other - stats.reference_lse.unsqueeze(-1)))).sum(-1);
  }
  return stats;
}

void token_gradient_(at::Tensor& logits, const at::Tensor& reference_logits, const at::Tensor& inverse_temperature,
                     const at::Tensor& targets, const TokenStats& stats, const at::Tensor& g_logp, const at::Tensor& g_entropy,
                     const at::Tensor& g_kl) {
  const at::Tensor inverse = inverse_temperature.unsqueeze(-1);
  const at::Tensor log_p = (logits * inverse).sub_(stats.lse.unsqueeze(-1));
  const at::Tensor p = log_p.exp();
  at::Tensor slope = g_logp.defined() ? g_logp.unsqueeze(-1).neg().expand_as(p).clone() : at::zeros(p.sizes(), p.options());
  if (g_entropy.defined()) slope.sub_(g_entropy.unsqueeze(-1) * (log_p + stats.entropy.unsqueeze(-1)));
  if (g_kl.defined()) {
    const at::Tensor log_q = reference_logits * inverse - stats.reference_lse.unsqueeze(-1);
    slope.add_(g_kl.unsqueeze(-1) * (log_p - log_q - stats.kl.unsqueeze(-1)));
  }
  at::Tensor d = zero_where(p == 0, p * slope);
  if (g_logp.defined()) d.scatter_add_(1, targets.to(at::kLong).unsqueeze(-1), g_logp.unsqueeze(-1));
  logits.copy_(d.mul_(inverse));
}

namespace {

struct SampleColumns {  // [rows, 1] each, on the logits' device
  at::Tensor inverse_temperature, top_p, min_p, top_k, greedy, uniform;
};

SampleColumns columns_of(const std::vector<SampleRow>& rows, int64_t vocab, c10::Device device) {
  at::Tensor host = at::empty({6, static_cast<int64_t>(rows.size()), 1}, at::kDouble);
  double* data = host.data_ptr<double>();
  const size_t count = rows.size();
  for (size_t r = 0; r < count; ++r) {
    const SampleRow& row = rows[r];
    data[r] = row.inverse_temperature;
    data[count + r] = row.top_p;
    data[2 * count + r] = row.min_p;
    data[3 * count + r] = row.top_k > 0 ? std::min<int64_t>(row.top_k, vocab) : vocab;
    data[4 * count + r] = row.greedy;
    data[5 * count + r] = row.uniform;
  }
  const at::Tensor columns = host.to(device);
  return {columns[0].to(at::kFloat), columns[1], columns[2], columns[3].to(at::kLong), columns[4] != 0, columns[5]};
}

}  // namespace

void sample(const at::Tensor& logits, const std::vector<SampleRow>& rows, int32_t* token, float* logp) {
  if (rows.empty()) return;
  const int64_t vocab = logits.size(1);
  const SampleColumns row = columns_of(rows, vocab, logits.device());
  const at::Tensor z = logits * row.inverse_temperature;
  const auto [sorted, order] = at::sort(z, /*stable=*/true, -1, /*descending=*/true);
  const at::Tensor max = sorted.narrow(1, 0, 1);
  const at::Tensor e = (z - max).to(at::kDouble).exp_();
  const at::Tensor in_top_k = sorted >= sorted.gather(1, row.top_k - 1);
  const at::Tensor sorted_e = zero_where(in_top_k.logical_not(), e.gather(1, order));
  const at::Tensor before = sorted_e.cumsum(1) - sorted_e;
  // The first token always stays; top_p = 1 keeps all that top_k left.
  const at::Tensor in_top_p = (before < row.top_p * sorted_e.sum(1, true)).logical_or(row.top_p >= 1).logical_or(before == 0);
  const at::Tensor kept_sorted = in_top_k.logical_and(in_top_p).logical_and(sorted_e >= row.min_p.clamp_max(1.0));
  const at::Tensor kept = at::zeros(z.sizes(), kept_sorted.options()).scatter_(1, order, kept_sorted);
  const at::Tensor candidates = zero_where(kept.logical_not(), e);
  const at::Tensor cumulative = candidates.cumsum(1);
  const at::Tensor drawn = (cumulative <= row.uniform * cumulative.narrow(1, vocab - 1, 1)).sum(1, true);
  // Rounding may leave the sum below the target: then the last candidate.
  const at::Tensor last = (at::arange(vocab, drawn.options()) * (candidates > 0)).amax(1, true);
  const at::Tensor picked = at::where(row.greedy, logits.argmax(1, true), drawn.minimum(last));
  const at::Tensor picked_logp = z.gather(1, picked).to(at::kDouble) - max.to(at::kDouble) - e.sum(1, true).log_();
  const at::Tensor result = at::cat({picked.to(at::kDouble), picked_logp}, 1).cpu();
  const double* data = result.data_ptr<double>();
  for (size_t r = 0; r < rows.size(); ++r) {
    token[r] = static_cast<int32_t>(data[2 * r]);
    logp[r] = static_cast<float>(data[2 * r + 1]);
  }
}

double sum_squares(const at::Tensor& x) {
  const double norm = at::linalg_vector_norm(x, 2, std::nullopt, false, at::kDouble).item<double>();
  return norm * norm;
}

void adamw_(at::Tensor& master, at::Tensor& exp_avg, at::Tensor& exp_avg_sq, const at::Tensor& grad, at::Tensor& value,
            const AdamWOptions& options) {
  const double correction1 = 1.0 - std::pow(options.beta1, static_cast<double>(options.step));
  const double correction2 = 1.0 - std::pow(options.beta2, static_cast<double>(options.step));
  const at::Tensor gradient = options.grad_scale == 1.0f ? grad : grad * options.grad_scale;
  exp_avg.mul_(options.beta1).add_(gradient, 1.0 - options.beta1);
  exp_avg_sq.mul_(options.beta2).addcmul_(gradient, gradient, 1.0 - options.beta2);
  master.mul_(1.0 - options.lr * options.weight_decay);
  master.addcdiv_(exp_avg, (exp_avg_sq / correction2).sqrt_().add_(options.eps), -options.lr / correction1);
  if (!value.is_same(master)) value.copy_(master);
}

}  // namespace astarpo::ops::aten
