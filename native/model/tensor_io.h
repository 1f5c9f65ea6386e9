// Tensor bytes between a model and byte ranges of files. What a file contains (safetensors headers) is known to TypeScript
// alone; here are only offsets, lengths and stored types.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "native/model/abort.h"
#include "native/model/parameters.h"
#include "native/model/stored_values.h"

namespace astarpo {

struct TensorRange {
  std::string name;  // Hugging Face name, a NamedSlice
  StoredKind kind;
  int64_t offset, length;  // bytes from the start of the file; length must be the tensor's size in `kind`
};

// Reads or writes in pieces of at most kIoPieceBytes, so that neither needs a second copy of a tensor.
inline constexpr int64_t kIoPieceBytes = 4LL << 20;

// Fills tensors of a group from `file`, converting to the group's dtype. Loading weights refreshes an fp32 master that exists.
// Memory that a copy shares is copied first. Throws ASTARPO_TENSOR_UNKNOWN; ASTARPO_ADAPTER while merged; ASTARPO_SAFETENSORS for a wrong
// length, a file that ends too early, a number that is not finite in the group's dtype; ASTARPO_IO. On a throw the tensors before the one
// that is named have their new values.
void load_tensors(Parameters& parameters, TensorGroup group, const std::string& file, const std::vector<TensorRange>& ranges,
                  const AbortFlag* abort);

// Writes tensors of a group into an existing file. Throws ASTARPO_TENSOR_UNKNOWN, ASTARPO_SAFETENSORS (wrong length), ASTARPO_NON_FINITE
// (weights that are not finite in the file's type), ASTARPO_IO (full disk and the like). Does not flush to disk: whoever renames the
// file does.
void save_tensors(Parameters& parameters, TensorGroup group, const std::string& file, const std::vector<TensorRange>& ranges,
                  const AbortFlag* abort);

// Elements [begin, begin + count) of a tensor as fp32 in host memory; count < 0: all from `begin` on. Throws ASTARPO_TENSOR_UNKNOWN,
// ASTARPO_ARGUMENT for elements that are not there.
std::vector<float> read_tensor(Parameters& parameters, TensorGroup group, const std::string& name, int64_t begin = 0, int64_t count = -1);

}  // namespace astarpo
