#include "native/model/adapter.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include "native/error.h"
#include "native/model/ops.h"
#include "native/model/parameters.h"
#include "native/model/tensor_io.h"
#include "native/model/upload.h"
#include "native/random.h"

namespace astarpo {
namespace {

using Guard = at::AutoDispatchBelowADInplaceOrView;

constexpr std::string_view kWeight = ".weight";

// Modules by name, each to be taken once.
std::map<std::string, AdapterModule> by_name(const std::vector<AdapterModule>& modules) {
  if (modules.empty()) throw Error("ASTARPO_ARGUMENT", "expected at least one module for the adapter, got none");
  std::map<std::string, AdapterModule> wanted;
  for (const AdapterModule& module : modules) {
    if (module.rank < 1)
      throw Error("ASTARPO_ARGUMENT", "expected a rank of at least 1 for '" + module.module + "', got " + std::to_string(module.rank));
    if (!std::isfinite(module.scale))
      throw Error("ASTARPO_ARGUMENT", "expected a finite scale for '" + module.module + "', got " + std::to_string(module.scale));
    if (!wanted.emplace(module.module, module).second)
      throw Error("ASTARPO_ARGUMENT", "expected every module once, got '" + module.module + "' twice");
  }
  return wanted;
}

// U(−1/√in, 1/√in): Kaiming's uniform initialisation with a = √5, as linear layers of PyTorch and PEFT's A matrices have it.
void fill_kaiming(at::Tensor a, uint64_t stream) {
  at::Tensor values = at::empty(a.sizes(), at::TensorOptions().dtype(c10::kFloat));
  float* const out = values.data_ptr<float>();
  const double bound = 1.0 / std::sqrt(static_cast<double>(a.size(1)));
  at::parallel_for(0, values.numel(), 8192, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      out[i] = static_cast<float>(bound * (2.0 * stream_uniform(stream, static_cast<uint64_t>(i)) - 1.0));
  });
  a.copy_(values);
}

// A module that gets an adapter, and the slice of its weight.
struct Adapted {
  std::string module;
  AdapterModule settings;
  int64_t row, rows;
};

// Those of one projection that are wanted, in order of rows; takes them out of `wanted`.
std::vector<Adapted> take(std::map<std::string, AdapterModule>& wanted, const Parameters& parameters, const Projection& projection) {
  std::vector<Adapted> taken;
  for (const NamedSlice& slice : parameters.slices) {
    if (slice.parameter != projection.weight) continue;
    const auto found = wanted.find(slice.name.substr(0, slice.name.size() - kWeight.size()));
    if (found == wanted.end()) continue;
    taken.push_back({found->first, found->second, slice.row, slice.rows});
    wanted.erase(found);
  }
  return taken;
}

struct Folded {
  const LowRank* adapter;
  const LowRank::Module* module;
};

// The adapter of a weight's slice.
std::optional<Folded> adapter_of(const Parameters& parameters, const NamedSlice& slice) {
  for (const LayerParameters& layer : parameters.layers) {
    for (const Projection* projection : layer.projections()) {
      if (projection->weight != slice.parameter) continue;
      for (const LowRank::Module& module : projection->adapter.modules) {
        if (module.row == slice.row) return Folded{&projection->adapter, &module};
      }
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

void Parameters::add_adapter(const std::vector<AdapterModule>& modules, const AdapterOptions& options) {
  const Guard guard;
  if (has_adapter()) throw Error("ASTARPO_ADAPTER", "expected a model without adapter, got one with an adapter");
  if (has_gradients())
    throw Error("ASTARPO_ADAPTER", "expected a model without gradients: step or discard them before an adapter is added");
  const bool stepped = std::any_of(all.begin(), all.end(), [](const Parameter& parameter) { return parameter.exp_avg.defined(); });
  if (stepped || optimizer_step > 0)
    throw Error("ASTARPO_ADAPTER", "expected a model without optimizer state, got one after " + std::to_string(optimizer_step) + " steps");
  if (!(options.dropout >= 0 && options.dropout < 1))
    throw Error("ASTARPO_ARGUMENT", "expected a dropout from 0 to below 1, got " + std::to_string(options.dropout));
  std::map<std::string, AdapterModule> wanted = by_name(modules);

  // Built aside: a module that is not there, or memory that runs out, leaves the model as it was.
  std::vector<Parameter> added;
  std::vector<NamedSlice> names;
  std::vector<std::pair<Projection*, LowRank>> adapters;
  int64_t first_layer = static_cast<int64_t>(layers.size());
  const auto fp32 = all[0].value.options().dtype(c10::kFloat);
  const auto add = [&](int64_t rows, int64_t columns) {
    added.push_back({.value = at::zeros({rows, columns}, fp32)});
    return static_cast<int64_t>(all.size() + added.size()) - 1;
  };
  for (int64_t index = 0; index < static_cast<int64_t>(layers.size()); ++index) {
    for (Projection* projection : layers[static_cast<size_t>(index)].projections()) {
      const std::vector<Adapted> adapted = take(wanted, *this, *projection);
      if (adapted.empty()) continue;
      first_layer = std::min(first_layer, index);
      const int64_t in = all[static_cast<size_t>(projection->weight)].value.size(1);
      int64_t ranks = 0;
      for (const Adapted& each : adapted) ranks += each.settings.rank;
      LowRank adapter{.a = add(ranks, in)};
      const at::Tensor a = added.back().value;
      std::vector<float> scales;
      for (const Adapted& each : adapted) {
        const int64_t rank = each.settings.rank, begin = static_cast<int64_t>(scales.size());
        const int64_t b = add(each.rows, rank);
        adapter.modules.push_back({.row = each.row, .rows = each.rows, .rank_begin = begin, .rank = rank, .b = b});
        scales.insert(scales.end(), static_cast<size_t>(rank), static_cast<float>(each.settings.scale));
        names.push_back({each.module + ".lora_A.weight", adapter.a, begin, rank, {rank, in}, true});
        fill_kaiming(a.narrow(0, begin, rank), stream_of(options.seed, names.back().name));
        names.push_back({each.module + ".lora_B.weight", b, 0, each.rows, {each.rows, rank}, true});
      }
      adapter.scales = upload(scales, c10::kFloat, fp32.device());
      adapters.emplace_back(projection, std::move(adapter));
    }
  }
  if (!wanted.empty()) {
    throw Error("ASTARPO_TENSOR_UNKNOWN",
                "expected modules that are linear maps of the model's layers, got '" + wanted.begin()->first + "'");
  }

  for (Parameter& parameter : all) parameter = {.value = parameter.value, .trainable = false, .borrowed = parameter.borrowed};
  std::move(added.begin(), added.end(), std::back_inserter(all));
  std::move(names.begin(), names.end(), std::back_inserter(slices));
  for (auto& [projection, adapter] : adapters) projection->adapter = std::move(adapter);
  adapter_dropout = options.dropout;
  first_trainable_layer = first_layer;
}

void Parameters::drop_adapter() {
  const auto first = std::find_if(slices.begin(), slices.end(), [](const NamedSlice& slice) { return slice.adapter; });
  if (first == slices.end()) return;
  all.resize(static_cast<size_t>(first->parameter));
  slices.erase(first, slices.end());
  for (LayerParameters& layer : layers) {
    for (Projection* projection : layer.projections()) projection->adapter = {};
  }
  for (Parameter& parameter : all) parameter.merged.reset();
  adapter_dropout = 0;
  merged_ = false;
}

void Parameters::merge_adapter() {
  const Guard guard;
  if (!has_adapter()) throw Error("ASTARPO_ADAPTER", "expected a model with an adapter to merge, got one without");
  require_unmerged();
  std::vector<std::pair<int64_t, at::Tensor>> folded;  // aside, as above
  for (const NamedSlice& slice : slices) {
    if (!adapter_of(*this, slice)) continue;
    const at::Tensor& value = all[static_cast<size_t>(slice.parameter)].value;
    if (folded.empty() || folded.back().first != slice.parameter) folded.emplace_back(slice.parameter, value.clone());
    at::Tensor rows = folded.back().second.narrow(0, slice.row, slice.rows);
    const int64_t piece = std::max<int64_t>(1, kIoPieceBytes / (value.size(1) * static_cast<int64_t>(sizeof(float))));
    for (int64_t row = 0; row < slice.rows; row += piece) {
      const int64_t count = std::min(piece, slice.rows - row);
      rows.narrow(0, row, count).copy_(merged_rows(slice, row, count));
    }
  }
  for (auto& [parameter, value] : folded) all[static_cast<size_t>(parameter)].merged = std::move(value);
  merged_ = true;
}

void Parameters::unmerge_adapter() {
  if (!merged_) throw Error("ASTARPO_ADAPTER", "expected a model whose adapter is merged, got one that is not");
  for (Parameter& parameter : all) parameter.merged.reset();
  merged_ = false;
}

void Parameters::require_unmerged() const {
  if (merged_) throw Error("ASTARPO_ADAPTER", "expected an adapter that is not merged: unmerge it first");
}

at::Tensor Parameters::merged_rows(const NamedSlice& slice, int64_t row, int64_t rows) const {
  const Guard guard;
  const auto value = [&](int64_t index) -> const at::Tensor& { return all[static_cast<size_t>(index)].value; };
  at::Tensor sum = value(slice.parameter).narrow(0, slice.row + row, rows).to(c10::kFloat, /*non_blocking=*/false, /*copy=*/true);
  if (const auto folded = adapter_of(*this, slice)) {
    const auto& [adapter, module] = *folded;
    const at::Tensor scales = adapter->scales.narrow(0, module->rank_begin, module->rank);
    ops::addmm_(sum, value(module->b).narrow(0, row, rows).mul(scales), value(adapter->a).narrow(0, module->rank_begin, module->rank));
  }
  return sum;
}

}  // namespace astarpo
