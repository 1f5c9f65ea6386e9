// Generation: all live rows of a model advance by one token per step(); finished rows leave, waiting ones enter at the next.
// KV of a sequence survives between turns. One thread (the lane) calls everything here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "native/model/abort.h"
#include "native/model/decoder.h"

namespace astarpo {

// The tokens so far, and how many of them have keys in the cache under which weights version. A sampled token gets its keys
// when the next token is computed, so the last token of a turn is not cached yet.
class Sequence {
 public:
  std::vector<int32_t> tokens;
  KvCache cache;               // cache.length <= tokens.size()
  uint64_t cache_version = 0;  // weights version that made the cache; another version drops it and prefills again
  bool busy = false;           // a request is generating on it
};

struct GenerateRequest {
  std::shared_ptr<Sequence> sequence;
  int64_t max_tokens = 0;
  float temperature = 1, top_p = 1, min_p = 0;
  int32_t top_k = 0;
  bool greedy = false;
  std::vector<int32_t> stop_ids;  // sampling one ends the turn; the stop id is kept in the result
  uint64_t seed = 0;              // uniform number i of this request depends on (seed, i) alone
};

enum class Finish { stop, length, context };  // context: max_positions reached

struct GenerateResult {
  std::vector<int32_t> tokens;  // sampled, stop id included
  std::vector<float> logp;      // untruncated, at the request's temperature
  Finish finish = Finish::length;
  uint64_t version = 0;  // weights version that sampled
};

class Engine {
 public:
  explicit Engine(std::shared_ptr<Decoder> model);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // `done` or `failed` is called once per request, from step() or fail_all(); `token` before them. None may throw or call the
  // engine.
  struct Callbacks {
    std::function<void(GenerateResult)> done;
    std::function<void(std::string code, std::string message)> failed;
    std::function<void(int32_t token, float logp)> token;  // null unless streaming
  };
  // Checks the request (ASTARPO_ARGUMENT, ASTARPO_BUSY, ASTARPO_EMPTY_PROMPT, ASTARPO_CONTEXT, ASTARPO_TOKEN_RANGE) and queues
  // it. On a throw no callback is called and the sequence is as it was.
  void submit(GenerateRequest request, std::shared_ptr<AbortFlag> abort, Callbacks callbacks);
  // One token step: rejects aborted rows, admits waiting ones (prefill in pieces of at most kPrefillRows), samples, retires.
  // True while rows remain. A row whose logits are not finite is rejected (ASTARPO_NON_FINITE). On a throw (`interrupt` was set:
  // ASTARPO_ABORTED; out of memory; …) every row is still there and nothing was sampled: step again or fail_all().
  bool step(uint64_t weights_version, const AbortFlag* interrupt = nullptr);
  bool idle() const;
  // Rejects all queued and live rows (dispose, environment exit, a failed step).
  void fail_all(const std::string& code, const std::string& message);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Rows of prompt that one token step may prefill beside decoding, so that neither starves the other.
inline constexpr int64_t kPrefillRows = 2048;

}  // namespace astarpo
