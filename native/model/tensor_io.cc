#include "native/model/tensor_io.h"

#include <algorithm>
#include <cmath>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "native/error.h"
#include "native/model/tensor_file.h"

namespace astarpo {
namespace {

using Guard = at::AutoDispatchBelowADInplaceOrView;

// Elements [begin, begin + count) of a tensor; those of 'merged' are computed here, of as many rows as they touch.
at::Tensor elements(Parameters& parameters, TensorGroup group, const NamedSlice& slice, int64_t begin, int64_t count) {
  if (group != TensorGroup::merged) return parameters.view(slice, group).view({-1}).narrow(0, begin, count);
  const int64_t columns = slice.numel() / slice.rows;
  const int64_t first = begin / columns, last = (begin + count - 1) / columns;
  return parameters.merged_rows(slice, first, last - first + 1).view({-1}).narrow(0, begin - first * columns, count);
}

// Calls step(piece of the tensor, bytes that it takes in the file, their offset there) over the whole tensor.
template <class Step>
void walk(Parameters& parameters, TensorGroup group, const std::string& path, const TensorRange& range, const AbortFlag* abort, Step step) {
  const NamedSlice& slice = parameters.slice(range.name);
  const int64_t numel = slice.numel(), size = bytes_of(range.kind), expected = numel * size;
  if (range.offset < 0 || range.length != expected) {
    throw Error("ASTARPO_SAFETENSORS", "expected " + std::to_string(expected) + " bytes for tensor '" + range.name + "' in '" + path +
                                           "', got " + std::to_string(range.length) + " at offset " + std::to_string(range.offset));
  }
  const int64_t piece = kIoPieceBytes / size;
  for (int64_t begin = 0; begin < numel; begin += piece) {
    if (abort != nullptr) abort->check();
    const int64_t count = std::min(piece, numel - begin);
    step(elements(parameters, group, slice, begin, count), count * size, range.offset + begin * size);
  }
}

// Room for one piece of any of the ranges. One per call: made anew for each piece, freed memory would gather in the allocator.
class Staging {
 public:
  explicit Staging(const std::vector<TensorRange>& ranges) {
    int64_t most = 0;
    for (const TensorRange& range : ranges) most = std::max(most, std::min(range.length, kIoPieceBytes));
    buffer_ = at::empty({most}, at::TensorOptions().dtype(c10::kByte));
  }
  at::Tensor of(StoredKind kind, int64_t bytes) const { return buffer_.narrow(0, 0, bytes).view(scalar_type_of(kind)); }

 private:
  at::Tensor buffer_;
};

// `numbers` were read for a tensor of type `target`, or are about to be written; `first` is the place of the first of them in the tensor.
void require_finite(const at::Tensor& numbers, StoredKind kind, c10::ScalarType target, const char* code, const std::string& where,
                    int64_t first, const char* remedy) {
  const int64_t found = first_not_finite(numbers.data_ptr(), numbers.numel(), kind, target);
  if (found < 0) return;
  const double value = numbers[found].item<double>();
  const char* what = std::isnan(value) ? "NaN" : std::isinf(value) ? "infinity" : "one beyond the range of bfloat16";
  throw Error(code,
              "expected finite numbers in " + where + ", got " + what + " at element " + std::to_string(first + found) + "\n  " + remedy);
}

}  // namespace

void load_tensors(Parameters& parameters, TensorGroup group, const std::string& path, const std::vector<TensorRange>& ranges,
                  const AbortFlag* abort) {
  const Guard guard;
  parameters.require_unmerged();
  if (group == TensorGroup::merged) throw Error("ASTARPO_ARGUMENT", "expected a group that can be loaded, got 'merged'");
  const TensorFile file(path, TensorFile::Use::read);
  const Staging staging(ranges);
  for (const TensorRange& range : ranges) {
    if (group == TensorGroup::weights) parameters.writable(parameters.slice(range.name));
    walk(parameters, group, path, range, abort, [&](const at::Tensor& piece, int64_t bytes, int64_t offset) {
      const at::Tensor stored = staging.of(range.kind, bytes);
      file.read(static_cast<char*>(stored.data_ptr()), bytes, offset, range.name);
      require_finite(stored, range.kind, piece.scalar_type(), "ASTARPO_SAFETENSORS", "tensor '" + range.name + "' of '" + path + "'",
                     (offset - range.offset) / bytes_of(range.kind),
                     "the file is damaged, or its training diverged: fetch it again, or take an earlier checkpoint");
      piece.copy_(stored);
    });
    const NamedSlice& slice = parameters.slice(range.name);
    const Parameter& parameter = parameters.all[static_cast<size_t>(slice.parameter)];
    if (group == TensorGroup::weights && parameter.master.defined()) {
      parameters.view(slice, TensorGroup::master).copy_(parameters.view(slice, TensorGroup::weights));
    }
  }
}

void save_tensors(Parameters& parameters, TensorGroup group, const std::string& path, const std::vector<TensorRange>& ranges,
                  const AbortFlag* abort) {
  const Guard guard;
  TensorFile file(path, TensorFile::Use::write);
  const Staging staging(ranges);
  for (const TensorRange& range : ranges) {
    walk(parameters, group, path, range, abort, [&](const at::Tensor& piece, int64_t bytes, int64_t offset) {
      at::Tensor stored = staging.of(range.kind, bytes);
      stored.copy_(piece);
      if (group == TensorGroup::weights || group == TensorGroup::merged) {
        require_finite(stored, range.kind, stored.scalar_type(), "ASTARPO_NON_FINITE",
                       "tensor '" + range.name + "' as " + name_of(range.kind) + " for '" + path + "'",
                       (offset - range.offset) / bytes_of(range.kind),
                       "save it in a dtype of a wider range, or go back to an earlier checkpoint");
      }
      file.write(static_cast<const char*>(stored.data_ptr()), bytes, offset, range.name);
    });
  }
  file.close();
}

std::vector<float> read_tensor(Parameters& parameters, TensorGroup group, const std::string& name, int64_t begin, int64_t count) {
  const Guard guard;
  const NamedSlice& slice = parameters.slice(name);
  const int64_t numel = slice.numel();
  if (begin < 0 || begin > numel || count > numel - begin) {
    throw Error("ASTARPO_ARGUMENT", "expected elements among the " + std::to_string(numel) + " of '" + name + "', got " +
                                        std::to_string(begin) + " to " + std::to_string(begin + count));
  }
  const int64_t wanted = count < 0 ? numel - begin : count;
  if (wanted == 0) return {};
  const at::Tensor tensor = elements(parameters, group, slice, begin, wanted);
  std::vector<float> values(static_cast<size_t>(tensor.numel()));
  at::from_blob(values.data(), tensor.sizes(), at::TensorOptions().dtype(c10::kFloat)).copy_(tensor);
  return values;
}

}  // namespace astarpo
