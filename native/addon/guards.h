// When weights may change or be trained: not while rows are generating, not with an open pass. Checked on the JS thread, where the caller's
// mistake can be told at once, and again on the lane, where it would do harm.
#pragma once

#include "native/addon/state.h"

namespace astarpo {

inline void require_quiet(const Model& model) {
  if (model.generating > 0) {
    throw Error("ASTARPO_GENERATING", "expected no generation while the weights change, got " + std::to_string(model.generating) +
                                          " requests that are not finished");
  }
  if (model.pass_open) throw Error("ASTARPO_OPEN_PASS", "expected no open pass while the weights change: use it in backward or drop it");
}

inline void require_trainable(const Model& model) {
  if (model.frozen) throw Error("ASTARPO_ARGUMENT", "model: expected a model that can be trained, got a frozen copy");
}

inline void require_quiet_lane(const Model& model) {
  if (!model.engine->idle()) throw Error("ASTARPO_GENERATING", "expected no generation while the weights change");
  if (!model.live_pass.expired()) throw Error("ASTARPO_OPEN_PASS", "expected no open pass while the weights change");
}

}  // namespace astarpo
