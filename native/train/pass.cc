#include "native/train/pass.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "native/model/decoder_impl.h"
#include "native/model/ops.h"
#include "native/model/upload.h"

namespace astarpo {

struct Pass {
  std::unique_ptr<Activations> activations;
  at::Tensor hidden;               // [R, hidden]
  at::Tensor targets;              // int32 [R]
  at::Tensor inverse_temperature;  // fp32 [R]
  int64_t chunk_rows = 1;
  std::vector<ops::TokenStats> stats;  // one per chunk
  std::shared_ptr<const ReferenceRows> reference;
  int64_t reference_begin = 0;
  bool entropy = false;
  bool consumed = false;
};

namespace {

// The decoder's rows and, per scored row, where its logits come from and what they are asked for.
struct Rows {
  RowBatch batch;
  std::vector<int32_t> targets;
  std::vector<float> inverse_temperature;
};

Rows plan_rows(const PackedBatch& packed) {
  Rows rows;
  rows.batch.wanted.emplace();
  for (size_t sequence = 0; sequence + 1 < packed.offsets.size(); ++sequence) {
    const auto begin = static_cast<size_t>(packed.offsets[sequence]);
    auto end = static_cast<size_t>(packed.offsets[sequence + 1]);
    while (end > begin && packed.mask[end - 1] == 0) --end;
    // No scored token follows the last scored one, and that one itself predicts nothing that is scored.
    if (end == begin) continue;
    const auto first_row = rows.batch.tokens.size(), length = end - begin - 1;
    rows.batch.segments.push_back({static_cast<int64_t>(first_row), static_cast<int64_t>(length), nullptr});
    rows.batch.tokens.insert(rows.batch.tokens.end(), packed.tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                             packed.tokens.begin() + static_cast<std::ptrdiff_t>(end - 1));
    for (size_t t = begin + 1; t < end; ++t) {
      if (packed.mask[t] == 0) continue;
      rows.batch.wanted->push_back(static_cast<int32_t>(first_row + (t - 1 - begin)));
      rows.targets.push_back(packed.tokens[t]);
      rows.inverse_temperature.push_back(1.0F / packed.temperature[sequence]);
    }
  }
  return rows;
}

at::Tensor row_gradients(const std::vector<double>& values, const Decoder& model) {
  if (values.empty()) return {};
  return upload(std::vector<float>(values.begin(), values.end()), c10::kFloat, model.options().device);
}

void download(const at::Tensor& from, float* to) {
  const at::Tensor host = from.device().is_cpu() ? from.contiguous() : from.cpu();
  std::memcpy(to, host.data_ptr<float>(), static_cast<size_t>(host.numel()) * sizeof(float));
}

// Rows whose logits are in memory at the same time.
struct Chunk {
  int64_t begin, count;
  at::Tensor hidden, targets, inverse_temperature;

  Chunk(const Pass& pass, int64_t begin)
      : begin(begin),
        count(std::min(pass.chunk_rows, pass.hidden.size(0) - begin)),
        hidden(of(pass.hidden)),
        targets(of(pass.targets)),
        inverse_temperature(of(pass.inverse_temperature)) {}

  at::Tensor of(const at::Tensor& rows) const { return rows.defined() ? rows.narrow(0, begin, count) : at::Tensor(); }
  at::Tensor reference_logits(const Pass& pass) const {
    if (!pass.reference) return {};
    return pass.reference->model->logits(pass.reference->hidden.narrow(0, pass.reference_begin + begin, count));
  }
};

void check_reference(const Decoder& model, const ForwardOptions& options, int64_t rows) {
  if (!options.reference) return;
  const DecoderConfig& config = options.reference->model->config();
  if (config.vocab_size != model.config().vocab_size) {
    throw Error("ASTARPO_BATCH", "expected a reference with the policy's vocabulary of " + std::to_string(model.config().vocab_size) +
                                     ", got " + std::to_string(config.vocab_size));
  }
  const int64_t available = static_cast<int64_t>(options.reference->logp.size());
  if (options.reference_begin < 0 || options.reference_begin + rows > available) {
    throw Error("ASTARPO_BATCH", "expected reference rows " + std::to_string(options.reference_begin) + " to " +
                                     std::to_string(options.reference_begin + rows) + ", got " + std::to_string(available) + " rows");
  }
}

void check_adapter(const Parameters& parameters, const ForwardOptions& options) {
  parameters.require_unmerged();
  if (parameters.adapter_dropout > 0 && !options.dropout_seed)
    throw Error("ASTARPO_ARGUMENT", "expected a dropout seed, since the adapter leaves out elements with probability " +
                                        std::to_string(parameters.adapter_dropout));
}

void check_count(const char* name, const std::vector<double>& values, int64_t rows) {
  if (static_cast<int64_t>(values.size()) != rows) {
    throw Error("ASTARPO_ARGUMENT",
                "expected " + std::to_string(rows) + " gradients of " + name + ", got " + std::to_string(values.size()));
  }
}

void check_optional(const char* name, const std::vector<double>& values, int64_t rows, bool computed) {
  if (values.empty()) return;
  if (!computed) throw Error("ASTARPO_ARGUMENT", std::string("expected no gradients of ") + name + ", which this pass did not compute");
  check_count(name, values, rows);
}

// The one way from tokens to row values: forward, scoring and reference rows all come through here, so that log-ratios of
// equal weights are exactly 0.
ForwardResult run(Decoder& model, const PackedBatch& batch, const ForwardOptions& options, const AbortFlag* abort, at::Tensor* hidden) {
  const NoAutograd guard;
  const DecoderConfig& config = model.config();
  const c10::Device device = model.options().device;
  batch.check(config);
  const int64_t rows = batch.rows();
  check_reference(model, options, rows);
  if (options.keep_graph) check_adapter(model.parameters(), options);

  const auto pass = std::make_shared<Pass>();
  pass->reference = options.reference;
  pass->reference_begin = options.reference_begin;
  pass->entropy = options.entropy;
  pass->chunk_rows = std::max<int64_t>(1, options.chunk_bytes / (config.vocab_size * static_cast<int64_t>(sizeof(float))));

  ForwardResult result;
  result.logp.resize(static_cast<size_t>(rows));
  if (options.reference) result.kl.resize(result.logp.size());
  if (options.entropy) result.entropy.resize(result.logp.size());
  if (rows == 0) {
    pass->hidden = at::empty({0, config.hidden_size}, at::TensorOptions().dtype(model.options().dtype).device(device));
  } else {
    const Rows plan = plan_rows(batch);
    pass->targets = upload(plan.targets, c10::kInt, device);
    pass->inverse_temperature = upload(plan.inverse_temperature, c10::kFloat, device);
    pass->hidden = model.forward(plan.batch, options.keep_graph ? &pass->activations : nullptr, abort, options.dropout_seed.value_or(0));
  }
  for (int64_t begin = 0; begin < rows; begin += pass->chunk_rows) {
    if (abort != nullptr) abort->check();
    const Chunk chunk(*pass, begin);
    ops::TokenStats stats = ops::token_stats(model.logits(chunk.hidden), chunk.reference_logits(*pass), chunk.inverse_temperature,
                                             chunk.targets, options.entropy);
    download(stats.logp, result.logp.data() + begin);
    if (options.reference) download(stats.kl, result.kl.data() + begin);
    if (options.entropy) download(stats.entropy, result.entropy.data() + begin);
    if (options.keep_graph) pass->stats.push_back(std::move(stats));
  }
  if (hidden != nullptr) *hidden = pass->hidden;
  if (options.keep_graph) result.pass = pass;
  return result;
}

}  // namespace

ForwardResult forward(Decoder& model, const PackedBatch& batch, const ForwardOptions& options, const AbortFlag* abort) {
  return run(model, batch, options, abort, nullptr);
}

std::shared_ptr<ReferenceRows> reference_rows(std::shared_ptr<Decoder> model, const PackedBatch& batch, const AbortFlag* abort) {
  const auto rows = std::make_shared<ReferenceRows>();
  rows->logp = run(*model, batch, {}, abort, &rows->hidden).logp;
  rows->model = std::move(model);
  return rows;
}

void backward(Decoder& model, std::shared_ptr<Pass> pass, const RowGradients& gradients, const AbortFlag* abort) {
  const NoAutograd guard;
  if (pass->consumed) throw Error("ASTARPO_PASS_CONSUMED", "expected a pass that no backward has used; run forward again");
  // Moved out, so that everything is freed when this returns or throws, whoever else holds the pass.
  Pass work = std::move(*pass);
  *pass = Pass{};
  pass->consumed = true;
  const int64_t rows = work.hidden.size(0);
  check_count("logp", gradients.logp, rows);
  check_optional("kl", gradients.kl, rows, work.reference != nullptr);
  check_optional("entropy", gradients.entropy, rows, work.entropy);
  if (rows == 0) return;

  const at::Tensor g_logp = row_gradients(gradients.logp, model), g_kl = row_gradients(gradients.kl, model),
                   g_entropy = row_gradients(gradients.entropy, model);
  at::Tensor dhidden = at::empty_like(work.hidden);
  for (int64_t begin = 0; begin < rows; begin += work.chunk_rows) {
    if (abort != nullptr) abort->check();
    const Chunk chunk(work, begin);
    at::Tensor logits = model.logits(chunk.hidden);
    ops::token_gradient_(logits, chunk.reference_logits(work), chunk.inverse_temperature, chunk.targets,
                         work.stats[static_cast<size_t>(begin / work.chunk_rows)], chunk.of(g_logp), chunk.of(g_entropy), chunk.of(g_kl));
    chunk.of(dhidden).copy_(model.logits_backward(chunk.hidden, logits));
  }
  model.backward(std::move(work.activations), dhidden, abort);
}

}  // namespace astarpo
