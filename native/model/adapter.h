// Low-rank adapters (Hu et al. 2021, arXiv:2106.09685): y = x·Wᵀ + bias + scale · dropout(x)·Aᵀ·Bᵀ, A [rank, in] and B [out, rank]
// in fp32 over a frozen W of the model's dtype.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace astarpo {

struct AdapterModule {
  std::string module;  // 'model.layers.0.self_attn.q_proj'
  int64_t rank;
  double scale;  // alpha / rank or alpha / sqrt(rank)
};

struct AdapterOptions {
  uint64_t seed;         // of the A matrices
  double dropout = 0.0;  // from 0 to below 1; of a module's input, in passes that keep their graph
};

// The adapters of one projection's modules. Their A matrices lie in one, so that x is read once for all of them.
struct LowRank {
  struct Module {
    int64_t row, rows;         // of the projection's weight
    int64_t rank_begin, rank;  // its rows of A
    int64_t b;                 // Parameter [rows, rank]
  };
  int64_t a = -1;               // Parameter [Σ rank, in]; -1: no adapters
  at::Tensor scales;            // fp32 [Σ rank]: a module's scale, once per rank
  std::vector<Module> modules;  // in order of rows
};

}  // namespace astarpo
