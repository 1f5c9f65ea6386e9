// What stands behind the handles. Each field says which thread may touch it: the JS thread of the owning environment, or the
// lane of the model's device. None holds JS objects, so any of them may die on either thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "native/addon/call.h"
#include "native/addon/environment.h"
#include "native/addon/lane.h"
#include "native/engine/engine.h"
#include "native/model/decoder.h"
#include "native/train/pass.h"

namespace astarpo {

struct SequenceState;
struct PassState;
struct RowsState;

// What JS may know of a tensor.
struct TensorFacts {
  std::string name;  // Hugging Face's
  std::vector<int64_t> shape;
  bool trainable, adapter;
};
inline std::vector<TensorFacts> tensor_facts(const Parameters& parameters) {
  std::vector<TensorFacts> facts;
  for (const NamedSlice& slice : parameters.slices)
    facts.push_back({slice.name, slice.shape, parameters.all[static_cast<size_t>(slice.parameter)].trainable, slice.adapter});
  return facts;
}

struct Model {
  // Fixed when the handle is made.
  std::shared_ptr<Environment> environment;
  Lane* lane = nullptr;
  DecoderConfig config{};
  ModelOptions options;
  bool frozen = false;
  const std::shared_ptr<AbortFlag> interrupt = std::make_shared<AbortFlag>();  // stops a token step (dispose, end)

  // Lane. Null after dispose.
  std::shared_ptr<Decoder> decoder;
  std::unique_ptr<Engine> engine;
  bool stepping = false;  // the job of the engine is in the lane's queue
  std::weak_ptr<Pass> live_pass;

  // Written by the lane, read by both.
  std::atomic<uint64_t> version{0};  // +1 with every change of the weights
  std::atomic<int64_t> optimizer_steps{0};
  std::atomic<int64_t> bytes{0};  // parameters, gradients, optimizer state

  // JS thread.
  std::vector<TensorFacts> tensors;
  bool disposed = false;
  int64_t generating = 0;                               // requests whose promise is pending
  bool pass_open = false;                               // from the call of forward to the end of backward or drop
  int64_t reported_bytes = 0;                           // to V8
  std::vector<std::weak_ptr<SequenceState>> sequences;  // their caches go with the model
  std::vector<std::weak_ptr<RowsState>> rows;           // likewise
  std::weak_ptr<PassState> pass;                        // the open one

  Decoder& live_decoder() const {  // lane
    if (!decoder) throw Error("ASTARPO_DISPOSED", "expected a live model, got a disposed one");
    return *decoder;
  }
};

struct SequenceState {
  std::shared_ptr<Model> model;
  // Belongs to the lane while `busy`, to the JS thread otherwise; the cache belongs to the lane always.
  std::shared_ptr<Sequence> sequence;
  std::shared_ptr<std::atomic<int64_t>> cache_bytes = std::make_shared<std::atomic<int64_t>>(0);  // written by the lane
  // JS thread.
  std::weak_ptr<Call> call;  // the generation that makes it busy
  bool busy = false;
  bool disposed = false;
  int64_t reported_bytes = 0;
};

struct PassState {
  std::shared_ptr<Model> model;
  std::shared_ptr<Pass> pass;  // JS thread holds it, the lane works on it
  size_t rows = 0;
  bool kl = false, entropy = false;
  bool consumed = false;  // by a backward or a drop
  bool disposed = false;  // with the model; the pass is dropped then
};

struct RowsState {
  std::shared_ptr<Model> model;
  std::shared_ptr<const ReferenceRows> rows;
  uint64_t version = 0;  // of the reference's weights
  bool disposed = false;
};

}  // namespace astarpo
