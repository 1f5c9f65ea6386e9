#pragma once

#include <cstring>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

namespace astarpo {

// One-dimensional tensor of host values; `dtype` must have the size of T.
template <class T>
at::Tensor upload(const std::vector<T>& values, c10::ScalarType dtype, c10::Device device) {
  at::Tensor host = at::empty({static_cast<int64_t>(values.size())}, at::TensorOptions().dtype(dtype));
  if (!values.empty()) std::memcpy(host.data_ptr(), values.data(), values.size() * sizeof(T));
  return device.is_cpu() ? host : host.to(device);
}

}  // namespace astarpo
