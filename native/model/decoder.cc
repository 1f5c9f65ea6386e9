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

// A piece of a segment that attends on its own: query rows [begin, begin + length) of the rows that were picked, which see the
// segment's first kv_length keys.
struct QueryRun {
  size_t segment;
  int64_t begin, length, kv_length;
};

std::vector<QueryRun> whole_segments(const RowBatch& batch) {
  std::vector<QueryRun> runs;
  for (size_t i = 0; i < batch.segments.size(); ++i) {
    const RowSegment& segment = batch.segments[i];
    runs.push_back({i, segment.begin, segment.length, segment.length + (segment.cache == nullptr ? 0 : segment.cache->length)});
  }
  return runs;
}

// Neighbouring wanted rows of one segment form a run.
std::vector<QueryRun> wanted_runs(const RowBatch& batch) {
  std::vector<QueryRun> runs;
  size_t segment = 0;
  int64_t picked = 0, previous = -1;
  for (const int32_t row : *batch.wanted) {
    if (row <= previous || row >= static_cast<int64_t>(batch.tokens.size()))
      throw Error("ASTARPO_INTERNAL", "expected wanted rows in ascending order");
    const bool neighbour = row == previous + 1;
    const size_t before = segment;
    while (row >= batch.segments[segment].begin + batch.segments[segment].length) ++segment;
    const RowSegment& owner = batch.segments[segment];
    if (runs.empty() || !neighbour || segment != before) {
      runs.push_back({segment, picked, 0, (owner.cache == nullptr ? 0 : owner.cache->length) + row - owner.begin});
    }
    ++runs.back().length;
    ++runs.back().kv_length;
    ++picked;
    previous = row;
  }
  return runs;
}

// Caches receive the batch's keys and values of one layer behind their valid rows.
void append_to_caches(const RowBatch& batch, size_t layer, const at::Tensor& k, const at::Tensor& v) {
  std::vector<ops::RowCopy> k_copies, v_copies;
  for (const RowSegment& segment : batch.segments) {
    if (segment.cache == nullptr) continue;
    k_copies.push_back({segment.begin, segment.length, segment.cache->k[layer], segment.cache->length});
    v_copies.push_back({segment.begin, segment.length, segment.cache->v[layer], segment.cache->length});
  }
  if (k_copies.empty()) return;
  ops::copy_rows(k, k_copies);
  ops::copy_rows(v, v_copies);
}

// What each run of queries attends to in one layer: its sequence's cache, or the sequence's own rows among k and v.
std::vector<ops::KeySource> key_sources(const RowBatch& batch, const std::vector<QueryRun>& runs, size_t layer, const at::Tensor& k,
                                        const at::Tensor& v) {
  std::vector<ops::KeySource> sources;
  sources.reserve(runs.size());
  for (const QueryRun& run : runs) {
    const RowSegment& segment = batch.segments[run.segment];
    const KvCache* const cache = segment.cache;
    sources.push_back({run.begin, run.length, run.kv_length, cache == nullptr ? k : cache->k[layer], cache == nullptr ? v : cache->v[layer],
                       cache == nullptr ? segment.begin : 0});
  }
  return sources;
}

}  // namespace

Decoder::Decoder(DecoderConfig config, ModelOptions options)
    : impl_([&] {
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

int64_t Decoder::Impl::window(int64_t layer) const { return config.windows.empty() ? 0 : config.windows[static_cast<size_t>(layer)]; }

at::Tensor Decoder::Impl::mlp(const LayerParameters& layer, const at::Tensor& x, const ops::Dropout& dropout,
                              LayerActivations* kept) const {
  ops::Normed normed = ops::rms_norm(x, value(layer.post_norm), config.rms_norm_eps, kept != nullptr);
  at::Tensor gate_up = project(layer.gate_up, normed.y, dropout);
  const at::Tensor activated = ops::swiglu(gate_up);
  if (kept != nullptr) {
    kept->middle = x;
    kept->post_rstd = std::move(normed.rstd);
    kept->post_normed = std::move(normed.y);
    kept->gate_up = std::move(gate_up);
  }
  gate_up.reset();
  return project(layer.down, activated, dropout).add_(x);
}

at::Tensor Decoder::forward(const RowBatch& batch, std::unique_ptr<Activations>* keep, const AbortFlag* abort, uint64_t dropout_seed) {
  const NoAutograd guard;
  Impl& impl = *impl_;
  const DecoderConfig& config = impl.config;
  const c10::Device device = impl.options.device;
  check_ids(batch, config);
  const at::Tensor positions = upload(prepare_positions(batch, config, impl.options, impl.rope), c10::kInt, device);
  const at::Tensor ids = upload(batch.tokens, c10::kInt, device);
  at::Tensor wanted;
  if (batch.wanted && batch.wanted->size() != batch.tokens.size())
    wanted = upload(std::vector<int64_t>(batch.wanted->begin(), batch.wanted->end()), c10::kLong, device);

  auto kept = keep == nullptr ? nullptr : std::make_unique<Activations>();
  ops::Dropout dropout;
  if (kept) {
    kept->layers.resize(static_cast<size_t>(config.layers));
    dropout = kept->dropout = {impl.parameters.adapter_dropout, dropout_seed};
  }

  for (const RowSegment& segment : batch.segments) {
    if (kept && segment.cache != nullptr) throw Error("ASTARPO_INTERNAL", "expected no caches in a forward pass that keeps its graph");
  }
  const std::vector<QueryRun> all_runs = whole_segments(batch);

  at::Tensor x = ops::embedding(impl.value(impl.parameters.embedding), ids);
  for (int64_t index = 0; index < config.layers; ++index) {
    if (abort != nullptr) abort->check();
    const LayerParameters& layer = impl.parameters.layers[static_cast<size_t>(index)];
    LayerActivations* const layer_kept =
        kept && index >= impl.parameters.first_trainable_layer ? &kept->layers[static_cast<size_t>(index)] : nullptr;

    ops::Normed normed = ops::rms_norm(x, impl.value(layer.input_norm), config.rms_norm_eps, layer_kept != nullptr);
    const at::Tensor qkv = impl.project(layer.qkv, normed.y, dropout);
    const Impl::Heads heads = impl.heads(impl.turn_heads(layer, qkv, positions, layer_kept != nullptr).qkv);

    append_to_caches(batch, static_cast<size_t>(index), heads.k, heads.v);
    if (layer_kept != nullptr) {
      layer_kept->x = x;
      layer_kept->input_rstd = std::move(normed.rstd);
      layer_kept->normed = std::move(normed.y);
      layer_kept->qkv = qkv;
    }
    at::Tensor q = heads.q;
    const bool select = wanted.defined() && index + 1 == config.layers;
    if (select) {
      q = q.index_select(0, wanted);
      x = x.index_select(0, wanted);
      if (wanted.numel() == 0) break;
    }
    const auto sources = key_sources(batch, select ? wanted_runs(batch) : all_runs, static_cast<size_t>(index), heads.k, heads.v);
    ops::Attended attended = ops::attention(q, sources, impl.attention_scale(), impl.window(index), layer_kept != nullptr);
    const at::Tensor attended_rows = attended.out.view({x.size(0), config.heads * config.head_dim});
    if (layer_kept != nullptr) {
      layer_kept->attended = std::move(attended.out);
      layer_kept->lse = std::move(attended.lse);
    }
    at::Tensor middle = impl.project(layer.o, attended_rows, dropout);
    middle.add_(x);
    x = impl.mlp(layer, middle, dropout, layer_kept);
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

std::unique_ptr<Decoder> Decoder::frozen_copy(AdapterCopy adapter) const {
  const NoAutograd guard;
  return std::unique_ptr<Decoder>(new Decoder(std::make_unique<Impl>(*impl_, adapter)));
}

}  // namespace astarpo
