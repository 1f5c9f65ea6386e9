// Numbers as files hold them.
#pragma once

#include <cstdint>

#include <c10/core/ScalarType.h>

namespace astarpo {

enum class StoredKind { f32, bf16, f16 };

int64_t bytes_of(StoredKind kind);
c10::ScalarType scalar_type_of(StoredKind kind);
const char* name_of(StoredKind kind);  // 'float32'

// Index of the first of `count` numbers that is NaN or infinite, or that becomes infinite when it is rounded to `target` (float or
// bfloat16); -1: none. One pass over bits that are in the cache already: a small part of reading them.
int64_t first_not_finite(const void* numbers, int64_t count, StoredKind kind, c10::ScalarType target);

}  // namespace astarpo
