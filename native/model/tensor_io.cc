#include "native/model/tensor_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "native/error.h"

namespace astarpo {
namespace {

using Guard = at::AutoDispatchBelowADInplaceOrView;

std::string system_reason(int error) { return std::strerror(error); }

class File {
 public:
  File(const std::string& path, int flags) : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC)) {
    if (descriptor_ < 0) throw Error("ASTARPO_IO", "expected to open '" + path + "', got: " + system_reason(errno));
  }
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void read(char* to, int64_t bytes, int64_t offset, const std::string& tensor) const {
    while (bytes > 0) {
      const ssize_t got = ::pread(descriptor_, to, static_cast<size_t>(bytes), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw Error("ASTARPO_IO", "expected to read tensor '" + tensor + "' from '" + path_ + "', got: " + system_reason(errno));
      if (got == 0)
        throw Error("ASTARPO_SAFETENSORS", "expected tensor '" + tensor + "' in '" + path_ + "', but the file ends " +
                                               std::to_string(bytes) + " bytes or more too early");
      to += got, bytes -= got, offset += got;
    }
  }

  void write(const char* from, int64_t bytes, int64_t offset, const std::string& tensor) const {
    while (bytes > 0) {
      const ssize_t put = ::pwrite(descriptor_, from, static_cast<size_t>(bytes), offset);
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0)
        throw Error("ASTARPO_IO",
                    "expected to write tensor '" + tensor + "' to '" + path_ + "', got: " + system_reason(put < 0 ? errno : ENOSPC));
      from += put, bytes -= put, offset += put;
    }
  }

  // Some file systems report a full disk or quota only here.
  void close() {
    const int descriptor = std::exchange(descriptor_, -1);
    if (::close(descriptor) != 0 && errno != EINTR)
      throw Error("ASTARPO_IO", "expected to close '" + path_ + "', got: " + system_reason(errno));
  }

 private:
  const std::string& path_;
  int descriptor_;
};

c10::ScalarType scalar_type(StoredKind kind) {
  switch (kind) {
    case StoredKind::f32:
      return c10::kFloat;
    case StoredKind::bf16:
      return c10::kBFloat16;
    case StoredKind::f16:
      break;
  }
  return c10::kHalf;
}

int64_t element_bytes(StoredKind kind) { return kind == StoredKind::f32 ? 4 : 2; }

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
  const int64_t numel = slice.numel(), size = element_bytes(range.kind), expected = numel * size;
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

at::Tensor staging_buffer(StoredKind kind, int64_t bytes) {
  return at::empty({bytes / element_bytes(kind)}, at::TensorOptions().dtype(scalar_type(kind)));
}

}  // namespace

void load_tensors(Parameters& parameters, TensorGroup group, const std::string& path, const std::vector<TensorRange>& ranges,
                  const AbortFlag* abort) {
  const Guard guard;
  parameters.require_unmerged();
  if (group == TensorGroup::merged) throw Error("ASTARPO_ARGUMENT", "expected a group that can be loaded, got 'merged'");
  const File file(path, O_RDONLY);
  for (const TensorRange& range : ranges) {
    if (group == TensorGroup::weights) parameters.writable(parameters.slice(range.name));
    walk(parameters, group, path, range, abort, [&](const at::Tensor& piece, int64_t bytes, int64_t offset) {
      at::Tensor stored = staging_buffer(range.kind, bytes);
      file.read(static_cast<char*>(stored.data_ptr()), bytes, offset, range.name);
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
  File file(path, O_WRONLY);
  for (const TensorRange& range : ranges) {
    walk(parameters, group, path, range, abort, [&](const at::Tensor& piece, int64_t bytes, int64_t offset) {
      at::Tensor stored = staging_buffer(range.kind, bytes);
      stored.copy_(piece);
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
