#include "native/model/decoder.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <ATen/ops/empty.h>

#include "native/model/decoder_impl.h"
#include "native/model/ops.h"
#include "native/model/upload.h"

namespace astarpo {
namespace {

void check_ids(const RowBatch& batch, const DecoderConfig& config) {
  for (const int32_t id : batch.tokens) {
    if (id < 0 || id >= config.vocab_size) {
      throw Error("ASTARPO_TOKEN_RANGE", "expected token ids below " + std::to_string(config.vocab_size) + ", got " + std::to_string(id));
    }
  }
}

// Positions of all rows; makes room in the caches and in the angle table.
std::vector<int32_t> prepare_positions(const RowBatch& batch, const DecoderConfig& config, const ModelOptions& options, RopeTable& rope) {
  const auto rows = static_cast<int64_t>(batch.tokens.size());
  std::vector<int32_t> positions(batch.tokens.size());
  int64_t next = 0, longest = 0;
  for (const RowSegment& segment : batch.segments) {
    if (segment.begin != next || segment.length < 1 || segment.begin + segment.length > rows) {
      throw Error("ASTARPO_INTERNAL", "expected segments that tile the rows in order");
    }
    const int64_t first = segment.cache == nullptr ? 0 : segment.cache->length;
    for (int64_t i = 0; i < segment.length; ++i) positions[static_cast<size_t>(next + i)] = static_cast<int32_t>(first + i);
    longest = std::max(longest, first + segment.length);
    next += segment.length;
  }
  if (next != rows) throw Error("ASTARPO_INTERNAL", "expected segments that tile the rows in order");
  rope.reserve(longest);
  for (const RowSegment& segment : batch.segments) {
    if (segment.cache != nullptr) segment.cache->reserve(config, options, segment.cache->length + segment.length);
  }
  return positions;
}

}  // namespace

Decoder::Decoder(DecoderConfig config, ModelOptions options) : impl_([&] {
  const NoAutograd guard;
  return std::make_unique<Impl>(config, options);
}()) {}
Decoder::Decoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Decoder::~Decoder() = default;

const DecoderConfig& Decoder::config() const { return impl_->config; }
const ModelOptions& Decoder::options() const { return impl_->options; }
Parameters& Decoder::parameters() { return impl_->parameters; }
const Parameters& Decoder::parameters() const { return impl_->parameters; }

double Decoder::Impl::attention_scale() const { return 1.0 / std::sqrt(static_cast<double>(config.head_dim)); }

at::Tensor Decoder::Impl::mlp(const LayerParameters& layer, const at::Tensor& x, LayerActivations* kept) const {
  ops::Normed normed = ops::rms_norm(x, value(layer.post_norm), config.rms_norm_eps, kept != nullptr);
  at::Tensor gate_up = ops::linear(normed.y, value(layer.gate_up), {}, options.reproducible);
  at::Tensor y = ops::linear(ops::swiglu(gate_up), value(layer.down), {}, options.reproducible);
  y.add_(x);
  if (kept != nullptr) {
    kept->middle = x;
    kept->post_rstd = std::move(normed.rstd);
    kept->post_normed = std::move(normed.y);
    kept->gate_up = std::move(gate_up);
  }
  return y;
}

at::Tensor Decoder::forward(const RowBatch& batch, std::unique_ptr<Activations>* keep, const AbortFlag* abort) {
  const NoAutograd guard;
  Impl& impl = *impl_;
  const DecoderConfig& config = impl.config;
  const bool reproducible = impl.options.reproducible;
  const c10::Device device = impl.options.device;
  check_ids(batch, config);
  const at::Tensor positions = upload(prepare_positions(batch, config, impl.options, impl.rope), c10::kInt, device);
  const at::Tensor ids = upload(batch.tokens, c10::kInt, device);
  at::Tensor wanted;
  if (batch.wanted && batch.wanted->size() != batch.tokens.size()) wanted = upload(std::vector<int64_t>(batch.wanted->begin(), batch.wanted->end()), c10::kLong, device);

  auto kept = keep == nullptr ? nullptr : std::make_unique<Activations>();
  if (kept) kept->layers.resize(static_cast<size_t>(config.layers));

  const auto segment_count = batch.segments.size();
  std::vector<ops::KeySource> sources(segment_count);
  std::vector<ops::RowCopy> k_copies, v_copies;
  for (size_t i = 0; i < segment_count; ++i) {
    const RowSegment& segment = batch.segments[i];
    if (kept && segment.cache != nullptr) throw Error("ASTARPO_INTERNAL", "expected no caches in a forward pass that keeps its graph");
    sources[i] = {.q_begin = segment.begin, .q_length = segment.length, .kv_length = segment.length + (segment.cache == nullptr ? 0 : segment.cache->length), .k = {}, .v = {}};
  }

  at::Tensor x = ops::embedding(impl.value(impl.parameters.embedding), ids);
  for (int64_t index = 0; index < config.layers; ++index) {
    if (abort != nullptr) abort->check();
    const LayerParameters& layer = impl.parameters.layers[static_cast<size_t>(index)];
    LayerActivations* const layer_kept = kept ? &kept->layers[static_cast<size_t>(index)] : nullptr;

    ops::Normed normed = ops::rms_norm(x, impl.value(layer.input_norm), config.rms_norm_eps, layer_kept != nullptr);
    at::Tensor qkv = ops::linear(normed.y, impl.value(layer.qkv), impl.optional_value(layer.qkv_bias), reproducible);
    const Impl::Heads heads = impl.heads(qkv);
    ops::rope_(heads.qk, positions, impl.rope.cos(), impl.rope.sin(), false);

    k_copies.clear();
    v_copies.clear();
    for (size_t i = 0; i < segment_count; ++i) {
      const RowSegment& segment = batch.segments[i];
      if (segment.cache == nullptr) {
        sources[i].k = heads.k.narrow(0, segment.begin, segment.length);
        sources[i].v = heads.v.narrow(0, segment.begin, segment.length);
      } else {
        const at::Tensor& k = sources[i].k = segment.cache->k[static_cast<size_t>(index)];
        const at::Tensor& v = sources[i].v = segment.cache->v[static_cast<size_t>(index)];
        k_copies.push_back({segment.begin, segment.length, k.narrow(0, segment.cache->length, segment.length)});
        v_copies.push_back({segment.begin, segment.length, v.narrow(0, segment.cache->length, segment.length)});
      }
    }
    if (!k_copies.empty()) {
      ops::copy_rows(heads.k, k_copies);
      ops::copy_rows(heads.v, v_copies);
    }
    const bool select = wanted.defined() && index + 1 == config.layers;
    if (select && wanted.numel() == 0) {
      x = at::empty({0, config.hidden_size}, x.options());
      break;
    }
    ops::Attended attended = ops::attention(heads.q, sources, impl.attention_scale(), layer_kept != nullptr);
    at::Tensor attended_rows = attended.out.view({x.size(0), config.heads * config.head_dim});
    if (layer_kept != nullptr) {
      layer_kept->x = x;
      layer_kept->input_rstd = std::move(normed.rstd);
      layer_kept->normed = std::move(normed.y);
      layer_kept->qkv = std::move(qkv);
      layer_kept->attended = std::move(attended.out);
      layer_kept->lse = std::move(attended.lse);
    }
    if (select) {
      attended_rows = attended_rows.index_select(0, wanted);
      x = x.index_select(0, wanted);
    }
    at::Tensor middle = ops::linear(attended_rows, impl.value(layer.o), {}, reproducible);
    middle.add_(x);
    x = impl.mlp(layer, middle, layer_kept);
  }

  at::Tensor hidden;
  if (x.size(0) == 0) {
    hidden = x;
  } else {
    ops::Normed normed = ops::rms_norm(x, impl.value(impl.parameters.final_norm), config.rms_norm_eps, kept != nullptr);
    hidden = std::move(normed.y);
    if (kept) kept->last_rstd = std::move(normed.rstd);
  }
  for (const RowSegment& segment : batch.segments) {
    if (segment.cache != nullptr) segment.cache->length += segment.length;
  }
  if (kept) {
    kept->ids = ids;
    kept->positions = positions;
    kept->wanted = wanted;
    kept->last = x;
    for (const RowSegment& segment : batch.segments) kept->segments.emplace_back(segment.begin, segment.length);
    *keep = std::move(kept);
  }
  return hidden;
}

at::Tensor Decoder::logits(const at::Tensor& hidden) {
  const NoAutograd guard;
  return ops::linear(hidden, impl_->value(impl_->parameters.head), {}, impl_->options.reproducible, true);
}

std::unique_ptr<Decoder> Decoder::frozen_copy() const {
  const NoAutograd guard;
  return std::unique_ptr<Decoder>(new Decoder(std::make_unique<Impl>(*impl_)));
}

}  // namespace astarpo
