#include "native/model/ops.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "native/error.h"
#include "native/model/ops_aten.h"

namespace astarpo::ops {
namespace {

// The entry of the tensor's device, or null where ATen must do.
template <class Entry>
Entry entry_of(const at::Tensor& tensor, Entry Ops::* entry) {
  if (tensor.is_cpu()) return cpu_ops().*entry;
  const Ops* table = tensor.is_cuda() ? cuda_ops() : nullptr;
  return table ? table->*entry : nullptr;
}

template <class T>
T* pointer(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.data_ptr()) : nullptr;
}
float* floats(const at::Tensor& tensor) { return pointer<float>(tensor); }
void* raw(const at::Tensor& tensor) { return pointer<void>(tensor); }

at::Tensor float_row(const at::Tensor& like, int64_t rows) { return at::empty({rows}, like.options().dtype(at::kFloat)); }

// A matrix whose rows are contiguous, whatever lies between them.
at::Tensor with_unit_columns(const at::Tensor& matrix) {
  return matrix.stride(-1) == 1 || matrix.size(-1) == 1 ? matrix : matrix.contiguous();
}

// [rows, heads, head_dim] views of a fused matrix: only the row stride is free.
void check_heads(const at::Tensor& x, const char* name) {
  const bool dense = x.dim() == 3 && (x.size(2) == 1 || x.stride(2) == 1) && (x.size(1) == 1 || x.stride(1) == x.size(2));
  if (!dense)
    throw Error("ASTARPO_INTERNAL", std::string("expected ") + name + " as [rows, heads, head_dim] with dense heads, got another layout");
}

// x and y: [rows, heads, columns] with dense heads.
RmsNormArgs norm_args(const at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& y, const at::Tensor& rstd) {
  RmsNormArgs args{};
  args.rows = x.size(0), args.heads = x.size(1), args.columns = x.size(2);
  args.x = raw(x), args.x_stride = x.stride(0), args.kind = kind_of(x);
  args.weight = raw(weight), args.weight_kind = kind_of(weight);
  args.eps = static_cast<float>(eps);
  args.y = raw(y), args.y_stride = y.stride(0);
  args.rstd = floats(rstd);
  return args;
}
RmsNormBackwardArgs norm_backward_args(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& rstd,
                                       const at::Tensor& dx, const at::Tensor& dweight) {
  RmsNormBackwardArgs args{};
  args.rows = x.size(0), args.heads = x.size(1), args.columns = x.size(2);
  args.dy = raw(dy), args.dy_stride = dy.stride(0);
  args.x = raw(x), args.x_stride = x.stride(0), args.kind = kind_of(x);
  args.weight = raw(weight), args.weight_kind = kind_of(weight);
  args.rstd = floats(rstd);
  args.dx = raw(dx), args.dx_stride = dx.stride(0);
  args.dweight = floats(dweight);
  return args;
}

GemmArgs product(const at::Tensor& c, bool accumulate) {
  GemmArgs args{};
  args.m = c.size(0), args.n = c.size(1);
  args.c = c.data_ptr(), args.c_kind = kind_of(c), args.c_row_stride = c.stride(0);
  args.accumulate = accumulate;
  return args;
}
void set_a(GemmArgs& args, const at::Tensor& a, int64_t row_stride, int64_t column_stride) {
  args.a = a.data_ptr(), args.a_kind = kind_of(a), args.a_row_stride = row_stride, args.a_col_stride = column_stride;
}
void set_b(GemmArgs& args, const at::Tensor& b, int64_t row_stride, int64_t column_stride) {
  args.b = b.data_ptr(), args.b_kind = kind_of(b), args.b_row_stride = row_stride, args.b_col_stride = column_stride;
}

void table_mm(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, bool accumulate) {
  GemmArgs args = product(c, accumulate);
  args.k = a.size(1);
  set_a(args, a, a.stride(0), a.stride(1));
  set_b(args, b, b.stride(0), b.stride(1));
  cpu_ops().gemm(args, nullptr);
}

at::Tensor table_linear(const at::Tensor& input, const at::Tensor& weights, const at::Tensor& bias, bool out_float32) {
  const at::Tensor x = with_unit_columns(input), weight = with_unit_columns(weights);
  at::Tensor y = at::empty({x.size(0), weight.size(0)}, x.options().dtype(out_float32 ? at::kFloat : x.scalar_type()));
  GemmArgs args = product(y, false);
  args.k = x.size(1);
  set_a(args, x, x.stride(0), 1);
  set_b(args, weight, 1, weight.stride(0));
  if (bias.defined()) args.bias = bias.data_ptr(), args.bias_kind = kind_of(bias);
  cpu_ops().gemm(args, nullptr);
  return y;
}

at::Tensor table_linear_backward(const at::Tensor& output, const at::Tensor& input, const at::Tensor& weights, at::Tensor& dweight,
                                 at::Tensor& dbias) {
  const at::Tensor dy = with_unit_columns(output), x = with_unit_columns(input), weight = with_unit_columns(weights);
  if (dweight.defined()) {
    GemmArgs args = product(dweight, true);
    args.k = dy.size(0);
    set_a(args, dy, 1, dy.stride(0));
    set_b(args, x, x.stride(0), 1);
    cpu_ops().gemm(args, nullptr);
  }
  if (dbias.defined()) {
    // Column sums as a product with one row of ones: a single number read at stride 0.
    static const float one = 1.0f;
    GemmArgs args = product(dbias.view({1, -1}), true);
    args.k = dy.size(0);
    args.a = &one, args.a_kind = Kind::f32, args.a_row_stride = 1, args.a_col_stride = 0;
    set_b(args, dy, dy.stride(0), 1);
    cpu_ops().gemm(args, nullptr);
  }
  at::Tensor dx = at::empty({x.size(0), x.size(1)}, x.options());
  GemmArgs args = product(dx, false);
  args.k = dy.size(1);
  set_a(args, dy, dy.stride(0), 1);
  set_b(args, weight, weight.stride(0), 1);
  cpu_ops().gemm(args, nullptr);
  return dx;
}

}  // namespace

Kind kind_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return Kind::f32;
    case at::kBFloat16:
      return Kind::bf16;
    default:
      throw Error("ASTARPO_INTERNAL", std::string("expected a float32 or bfloat16 tensor, got ") + c10::toString(tensor.scalar_type()));
  }
}

// fp32 always takes the table: measured, its product is faster than MKL's on AMD's processors, and it costs nothing to be
// reproducible. In bf16 ATen is faster (it uses the processor's bf16 dot products), but has no fp32 result for the head.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool reproducible, bool out_float32) {
  const bool by_table = reproducible || out_float32 || x.scalar_type() == at::kFloat;
  if (x.is_cpu() && by_table) return table_linear(x, weight, bias, out_float32);
  return aten::linear(x, weight, bias, out_float32);
}

at::Tensor linear_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, at::Tensor& dweight, at::Tensor& dbias,
                           bool reproducible) {
  const bool by_table = reproducible || x.scalar_type() == at::kFloat;
  if (x.is_cpu() && by_table) return table_linear_backward(dy, x, weight, dweight, dbias);
  return aten::linear_backward(dy, x, weight, dweight, dbias);
}

at::Tensor mm(const at::Tensor& a, const at::Tensor& b) {
  if (!a.is_cpu()) return aten::mm(a, b);
  at::Tensor c = at::empty({a.size(0), b.size(1)}, a.options().dtype(at::kFloat));
  table_mm(c, a, b, false);
  return c;
}

void addmm_(at::Tensor c, const at::Tensor& a, const at::Tensor& b) {
  if (!c.is_cpu()) return aten::addmm_(c, a, b);
  table_mm(c, a, b, true);
}

at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids) {
  const auto run = entry_of(table, &Ops::embedding);
  if (!run) return aten::embedding(table, ids);
  at::Tensor x = at::empty({ids.size(0), table.size(1)}, table.options());
  run({ids.size(0), table.size(1), pointer<const int32_t>(ids), raw(table), kind_of(table), raw(x)}, nullptr);
  return x;
}

void embedding_backward(at::Tensor& dtable, const at::Tensor& ids, const at::Tensor& dx) {
  const auto run = entry_of(dtable, &Ops::embedding_backward);
  if (!run) return aten::embedding_backward(dtable, ids, dx);
  const at::Tensor rows = dx.contiguous();
  run({ids.size(0), dtable.size(1), pointer<const int32_t>(ids), raw(rows), kind_of(rows), floats(dtable)}, nullptr);
}

Normed rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, bool keep_rstd) {
  const auto run = entry_of(x, &Ops::rms_norm);
  if (!run) return aten::rms_norm(x, weight, eps, keep_rstd);
  const at::Tensor rows = x.contiguous();
  Normed normed{at::empty_like(rows), keep_rstd ? float_row(x, x.size(0)) : at::Tensor()};
  run(norm_args(rows.unsqueeze(1), weight, eps, normed.y.unsqueeze(1), normed.rstd), nullptr);
  return normed;
}

at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& rstd,
                             at::Tensor& dweight) {
  const auto run = entry_of(x, &Ops::rms_norm_backward);
  if (!run) return aten::rms_norm_backward(dy, x, weight, rstd, dweight);
  const at::Tensor rows = x.contiguous(), drows = dy.contiguous();
  at::Tensor dx = at::empty_like(rows);
  run(norm_backward_args(drows.unsqueeze(1), rows.unsqueeze(1), weight, rstd, dx.unsqueeze(1), dweight), nullptr);
  return dx;
}

void rms_norm_heads(const at::Tensor& x, const at::Tensor& weight, double eps, at::Tensor y, at::Tensor rstd) {
  const auto run = entry_of(x, &Ops::rms_norm);
  if (!run) return aten::rms_norm_heads(x, weight, eps, y, rstd);
  check_heads(x, "x");
  check_heads(y, "y");
  run(norm_args(x, weight, eps, y, rstd), nullptr);
}

void rms_norm_heads_backward_(at::Tensor dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& rstd, at::Tensor& dweight) {
  const auto run = entry_of(x, &Ops::rms_norm_backward);
  if (!run) return aten::rms_norm_heads_backward_(dy, x, weight, rstd, dweight);
  check_heads(dy, "dy");
  check_heads(x, "x");
  run(norm_backward_args(dy, x, weight, rstd, dy, dweight), nullptr);
}

void rope_(at::Tensor x, const at::Tensor& positions, const at::Tensor& cos, const at::Tensor& sin, bool inverse) {
  const auto run = entry_of(x, &Ops::rope);
  if (!run) return aten::rope_(x, positions, cos, sin, inverse);
  check_heads(x, "x");
  run({x.size(0), x.size(1), x.size(2), raw(x), kind_of(x), x.stride(0), pointer<const int32_t>(positions), floats(cos), floats(sin),
       inverse},
      nullptr);
}

at::Tensor swiglu(const at::Tensor& gate_up) {
  const auto run = entry_of(gate_up, &Ops::swiglu);
  if (!run) return aten::swiglu(gate_up);
  const at::Tensor rows = gate_up.contiguous();
  const int64_t width = rows.size(1) / 2;
  at::Tensor y = at::empty({rows.size(0), width}, rows.options());
  run({rows.size(0), width, raw(rows), kind_of(rows), raw(y)}, nullptr);
  return y;
}

at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up, bool in_place) {
  const auto run = entry_of(gate_up, &Ops::swiglu_backward);
  if (!run) return aten::swiglu_backward(dy, gate_up);
  const at::Tensor rows = gate_up.contiguous(), drows = dy.contiguous();
  at::Tensor dgate_up = in_place ? rows : at::empty_like(rows);
  run({rows.size(0), rows.size(1) / 2, raw(drows), raw(rows), kind_of(rows), raw(dgate_up)}, nullptr);
  return dgate_up;
}

Attended attention(const at::Tensor& q, const std::vector<KeySource>& sources, double scale, int64_t window, bool keep_lse) {
  const auto run = entry_of(q, &Ops::attention);
  if (!run) return aten::attention(q, sources, scale, window, keep_lse);
  check_heads(q, "q");
  Attended attended{at::empty({q.size(0), q.size(1), q.size(2)}, q.options()), {}};
  if (keep_lse) attended.lse = at::empty({q.size(0), q.size(1)}, q.options().dtype(at::kFloat));
  if (sources.empty()) return attended;
  std::vector<AttentionSegment> segments;
  segments.reserve(sources.size());
  for (const KeySource& source : sources) {
    check_heads(source.k, "k");
    check_heads(source.v, "v");
    if (source.k.stride(0) != source.v.stride(0)) throw Error("ASTARPO_INTERNAL", "expected keys and values with one row stride, got two");
    const int64_t offset = source.kv_begin * source.k.stride(0) * static_cast<int64_t>(q.element_size());
    segments.push_back({source.q_begin, source.q_length, source.kv_length, pointer<char>(source.k) + offset,
                        pointer<char>(source.v) + offset, source.k.stride(0)});
  }
  AttentionArgs args{};
  args.segments = segments.data(), args.segment_count = static_cast<int64_t>(segments.size());
  args.heads = q.size(1), args.kv_heads = sources[0].k.size(1), args.head_dim = q.size(2);
  args.window = window, args.scale = static_cast<float>(scale), args.kind = kind_of(q);
  args.q = raw(q), args.q_stride = q.stride(0);
  args.out = raw(attended.out), args.out_stride = attended.out.stride(0);
  args.lse = floats(attended.lse);
  run(args, nullptr);
  return attended;
}

void attention_backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const std::vector<std::pair<int64_t, int64_t>>& segments, const Attended& attended, const at::Tensor& dout,
                        double scale, int64_t window, at::Tensor dq, at::Tensor dk, at::Tensor dv) {
  const auto run = entry_of(q, &Ops::attention_backward);
  if (!run) return aten::attention_backward(q, k, v, segments, attended, dout, scale, window, dq, dk, dv);
  for (const at::Tensor& x : {q, k, v, dq, dk, dv}) check_heads(x, "q, k, v and their gradients");
  if (k.stride(0) != v.stride(0) || dk.stride(0) != dv.stride(0))
    throw Error("ASTARPO_INTERNAL", "expected keys and values with one row stride, got two");
  const at::Tensor drows = dout.contiguous();
  const int64_t element = static_cast<int64_t>(k.element_size());
  std::vector<AttentionSegment> plan;
  plan.reserve(segments.size());
  for (const auto& [begin, length] : segments) {
    const int64_t offset = begin * k.stride(0) * element;
    plan.push_back({begin, length, length, pointer<char>(k) + offset, pointer<char>(v) + offset, k.stride(0)});
  }
  AttentionBackwardArgs args{};
  args.segments = plan.data(), args.segment_count = static_cast<int64_t>(plan.size());
  args.heads = q.size(1), args.kv_heads = k.size(1), args.head_dim = q.size(2);
  args.window = window, args.scale = static_cast<float>(scale), args.kind = kind_of(q);
  args.q = raw(q), args.q_stride = q.stride(0);
  args.out = raw(attended.out), args.dout = raw(drows), args.out_stride = attended.out.stride(0);
  args.lse = floats(attended.lse);
  args.dq = raw(dq), args.dq_stride = dq.stride(0);
  args.dk = raw(dk), args.dv = raw(dv), args.dkv_stride = dk.stride(0);
  run(args, nullptr);
}

void copy_rows(const at::Tensor& from, const std::vector<RowCopy>& copies) {
  const auto run = entry_of(from, &Ops::copy_rows);
  if (!run) return aten::copy_rows(from, copies);
  check_heads(from, "from");
  const int64_t element = static_cast<int64_t>(from.element_size());
  std::vector<CopyRowsItem> items;
  items.reserve(copies.size());
  for (const RowCopy& copy : copies) {
    check_heads(copy.to, "to");
    items.push_back({pointer<char>(from) + copy.begin * from.stride(0) * element, from.stride(0),
                     pointer<char>(copy.to) + copy.to_begin * copy.to.stride(0) * element, copy.to.stride(0), copy.length});
  }
  run({items.data(), static_cast<int64_t>(items.size()), from.size(1) * from.size(2), kind_of(from)}, nullptr);
}

TokenStats token_stats(const at::Tensor& logits, const at::Tensor& reference_logits, const at::Tensor& inverse_temperature,
                       const at::Tensor& targets, bool want_entropy) {
  const auto run = entry_of(logits, &Ops::token_stats);
  if (!run) return aten::token_stats(logits, reference_logits, inverse_temperature, targets, want_entropy);
  const int64_t rows = logits.size(0);
  TokenStats stats;
  stats.logp = float_row(logits, rows);
  stats.lse = float_row(logits, rows);
  if (want_entropy) stats.entropy = float_row(logits, rows);
  if (reference_logits.defined()) stats.reference_lse = float_row(logits, rows), stats.kl = float_row(logits, rows);
  run({rows, logits.size(1), floats(logits), logits.stride(0), floats(reference_logits),
       reference_logits.defined() ? reference_logits.stride(0) : 0, floats(inverse_temperature), pointer<const int32_t>(targets),
       floats(stats.logp), floats(stats.lse), floats(stats.reference_lse), floats(stats.entropy), floats(stats.kl)},
      nullptr);
  return stats;
}

void token_gradient_(at::Tensor& logits, const at::Tensor& reference_logits, const at::Tensor& inverse_temperature,
                     const at::Tensor& targets, const TokenStats& stats, const at::Tensor& g_logp, const at::Tensor& g_entropy,
                     const at::Tensor& g_kl) {
  const auto run = entry_of(logits, &Ops::token_gradient);
  if (!run) return aten::token_gradient_(logits, reference_logits, inverse_temperature, targets, stats, g_logp, g_entropy, g_kl);
  run({logits.size(0), logits.size(1), floats(logits), logits.stride(0), floats(reference_logits),
       reference_logits.defined() ? reference_logits.stride(0) : 0, floats(inverse_temperature), pointer<const int32_t>(targets),
       floats(stats.lse), floats(stats.reference_lse), floats(stats.entropy), floats(stats.kl), floats(g_logp), floats(g_entropy),
       floats(g_kl)},
      nullptr);
}

void sample(const at::Tensor& logits, const std::vector<SampleRow>& rows, int32_t* token, float* logp) {
  // A device's own entry would write to device memory; the results are wanted on the host.
  if (!logits.is_cpu()) return aten::sample(logits, rows, token, logp);
  cpu_ops().sample({static_cast<int64_t>(rows.size()), logits.size(1), floats(logits), logits.stride(0), rows.data(), token, logp},
                   nullptr);
}

double sum_squares(const at::Tensor& x) {
  if (!x.is_cpu() || !x.is_contiguous()) return aten::sum_squares(x);
  double result = 0;
  cpu_ops().sum_squares({x.numel(), floats(x), &result}, nullptr);
  return result;
}

void adamw_(at::Tensor& master, at::Tensor& exp_avg, at::Tensor& exp_avg_sq, const at::Tensor& grad, at::Tensor& value,
            const AdamWOptions& options) {
  const auto run = entry_of(master, &Ops::adamw);
  if (!run) return aten::adamw_(master, exp_avg, exp_avg_sq, grad, value, options);
  run({master.numel(), floats(master), floats(exp_avg), floats(exp_avg_sq), floats(grad), options.grad_scale, options.lr, options.beta1,
       options.beta2, options.eps, options.weight_decay, options.step, raw(value), kind_of(value)},
      nullptr);
}

}  // namespace astarpo::ops
