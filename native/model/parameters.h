// Weights, gradients and optimizer state of one model, by Hugging Face name.
//
// q/k/v and gate/up live fused in one matrix each (one product instead of three or two); a NamedSlice maps each Hugging Face
// tensor to its rows of a Parameter, so files, hashes and tests see the usual names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "native/model/config.h"

namespace astarpo {

struct Parameter {
  at::Tensor value;       // in the model's dtype
  at::Tensor grad;        // fp32, allocated at the first backward; gradients accumulate here
  at::Tensor master;      // fp32 copy that the optimizer owns; undefined for an fp32 model (value is the master)
  at::Tensor exp_avg;     // fp32, allocated at the first optimizer step
  at::Tensor exp_avg_sq;  // fp32
};

struct NamedSlice {
  std::string name;   // 'model.layers.0.self_attn.q_proj.weight'
  int64_t parameter;  // index into Parameters::all
  int64_t row, rows;  // along dimension 0
  std::vector<int64_t> shape;
};

// One linear map of a layer, possibly several Hugging Face modules fused along the output. Indices into Parameters::all; -1 = absent.
struct Projection {
  int64_t weight = -1, bias = -1;
};

struct LayerParameters {  // norms: indices into Parameters::all; -1 = absent
  int64_t input_norm = -1, post_norm = -1, q_norm = -1, k_norm = -1;
  Projection qkv, o, gate_up, down;
};

// Which of a parameter's tensors to read or write. 'gradient' is for tests and tools.
enum class TensorGroup { weights, master, exp_avg, exp_avg_sq, gradient };

class Parameters {
 public:
  // Allocates zeroed weights. Throws ASTARPO_CONFIG for impossible shapes.
  Parameters(const DecoderConfig& config, const ModelOptions& options);

  std::vector<Parameter> all;
  std::vector<NamedSlice> slices;  // in file order: embed, layers, norm, head
  std::vector<LayerParameters> layers;
  int64_t embedding, final_norm, head;  // head == embedding when tied

  // Normal(0, std), not truncated, for matrices, embedding_std (negative: std) for the embedding: element i depends on
  // (seed, tensor name, i) alone. Norms 1, biases 0.
  void initialize(uint64_t seed, double std, double embedding_std = -1);

  const NamedSlice& slice(const std::string& name) const;  // throws ASTARPO_TENSOR_UNKNOWN
  // View of a slice in one group; allocates optimizer state or gradients (zeros; master from value) when asked for first.
  at::Tensor view(const NamedSlice& slice, TensorGroup group);

  bool has_gradients() const;  // anything accumulated since the last clear
  void allocate_gradients();   // zeros where there is none; from here on has_gradients()
  void allocate_optimizer_state();
  void clear_gradients();                                                                  // keeps the memory, zeroes it
  Parameters frozen_copy(const DecoderConfig& config, const ModelOptions& options) const;  // weights only
  int64_t optimizer_step = 0;

 private:
  bool gradients_present_ = false;
};

}  // namespace astarpo
