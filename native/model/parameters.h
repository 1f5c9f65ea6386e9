// Weights, gradients and optimizer state of one model, by Hugging Face name.
//
// q/k/v and gate/up live fused in one matrix each (one product instead of three or two); a NamedSlice maps each Hugging Face
// tensor to its rows of a Parameter, so files, hashes and tests see the usual names.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "native/model/adapter.h"
#include "native/model/config.h"

namespace astarpo {

struct Parameter {
  at::Tensor value;       // in the model's dtype; fp32 if it is an adapter's
  at::Tensor merged;      // value with its adapters folded in, used in its place; undefined unless merged
  at::Tensor grad;        // fp32, allocated at the first backward; gradients accumulate here
  at::Tensor master;      // fp32 copy that the optimizer owns; undefined for an fp32 model (value is the master)
  at::Tensor exp_avg;     // fp32, allocated at the first optimizer step
  at::Tensor exp_avg_sq;  // fp32
  bool trainable = true;  // a frozen one has neither gradient nor optimizer state
  bool borrowed = false;  // a copy: value and merged were another model's, and may be so still
};

struct NamedSlice {
  std::string name;   // 'model.layers.0.self_attn.q_proj.weight'
  int64_t parameter;  // index into Parameters::all
  int64_t row, rows;  // along dimension 0
  std::vector<int64_t> shape;
  bool adapter = false;
  int64_t numel() const;
};

// One linear map of a layer, possibly several Hugging Face modules fused along the output. Indices into Parameters::all; -1 = absent.
struct Projection {
  int64_t weight = -1, bias = -1;
  LowRank adapter;
};

struct LayerParameters {  // norms: indices into Parameters::all; -1 = absent
  int64_t input_norm = -1, post_norm = -1, q_norm = -1, k_norm = -1;
  Projection qkv, o, gate_up, down;

  std::array<Projection*, 4> projections() { return {&qkv, &o, &gate_up, &down}; }
  std::array<const Projection*, 4> projections() const { return {&qkv, &o, &gate_up, &down}; }
};

// Which of a parameter's tensors to read or write. 'gradient' is for tests and tools.
// 'merged' is what a base weight is with its adapter folded in, for reading only.
enum class TensorGroup { weights, master, exp_avg, exp_avg_sq, gradient, merged };

// Whether a copy of a model takes its adapter along.
enum class AdapterCopy { copy, off };

class Parameters {
 public:
  // Allocates zeroed weights. Throws ASTARPO_CONFIG for impossible shapes.
  Parameters(const DecoderConfig& config, const ModelOptions& options);

  std::vector<Parameter> all;
  std::vector<NamedSlice> slices;  // in file order: embed, layers, norm, head; then adapters
  std::vector<LayerParameters> layers;
  int64_t embedding, final_norm, head;  // head == embedding when tied

  // Normal(0, std), not truncated, for matrices, embedding_std (negative: std) for the embedding: element i depends on
  // (seed, tensor name, i) alone. Norms 1, biases 0. Throws ASTARPO_ADAPTER when there is an adapter.
  void initialize(uint64_t seed, double std, double embedding_std = -1);

  const NamedSlice& slice(const std::string& name) const;  // throws ASTARPO_TENSOR_UNKNOWN
  // View of a slice in one group; allocates optimizer state or gradients (zeros; master from value) when asked for first.
  // Throws ASTARPO_ARGUMENT for those of a frozen tensor. Not for 'merged', which lies nowhere.
  at::Tensor view(const NamedSlice& slice, TensorGroup group);
  // The weights of a slice, to be written: copies memory that another model shares.
  at::Tensor writable(const NamedSlice& slice);

  bool has_gradients() const;  // anything accumulated since the last clear
  void allocate_gradients();   // zeros where there is none; from here on has_gradients()
  void allocate_optimizer_state();
  void clear_gradients();  // keeps the memory, zeroes it
  int64_t optimizer_step = 0;
  // Of values, gradients and optimizer state as they are; what is shared counts for the model that had it first.
  int64_t bytes() const;

  // Weights only, all frozen. Those that are frozen here are shared, others copied.
  Parameters frozen_copy(AdapterCopy adapter) const;

  // --- Adapters (adapter.cc) ---

  // Adds them and freezes all else. Throws ASTARPO_ADAPTER (has one already, or gradients or optimizer state),
  // ASTARPO_TENSOR_UNKNOWN (no such module), ASTARPO_ARGUMENT.
  void add_adapter(const std::vector<AdapterModule>& modules, const AdapterOptions& options);
  bool has_adapter() const { return !slices.empty() && slices.back().adapter; }
  double adapter_dropout = 0;
  int64_t first_trainable_layer = 0;  // nothing below it is trained

  // ASTARPO_ADAPTER: no adapter, or already (not) merged.
  void merge_adapter();
  void unmerge_adapter();
  bool merged() const { return merged_; }
  void require_unmerged() const;  // throws ASTARPO_ADAPTER
  // Rows [row, row + rows) of a slice with its adapter folded in, fp32.
  at::Tensor merged_rows(const NamedSlice& slice, int64_t row, int64_t rows) const;

 private:
  void drop_adapter();

  bool merged_ = false;
  bool gradients_present_ = false;
};

}  // namespace astarpo
