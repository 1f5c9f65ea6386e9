// Stands in for libFuzzer where there is no clang: seeded inputs, each a mutation of an earlier one that it keeps by chance.
//   PROGRAM [-runs=N] [-seed=S]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t room, unsigned seed);

namespace {

constexpr size_t kLongest = 4096, kPool = 256;
std::mt19937 random_bits;

size_t below(size_t limit) { return limit == 0 ? 0 : random_bits() % limit; }

void mutate(std::vector<uint8_t>& bytes) {
  const size_t at = below(bytes.size());
  switch (below(6)) {
    case 0:
      if (!bytes.empty()) bytes[at] ^= static_cast<uint8_t>(1U << below(8));
      break;
    case 1:
      if (!bytes.empty()) bytes[at] = static_cast<uint8_t>(random_bits());
      break;
    case 2:
      bytes.resize(at);
      break;
    case 3:
      bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), below(64), static_cast<uint8_t>(random_bits()));
      break;
    case 4: {  // numbers at which arithmetic goes wrong
      constexpr int64_t kEdges[] = {0, -1, 1, INT64_MAX, INT64_MIN, int64_t{1} << 31, int64_t{1} << 62};
      const int64_t edge = kEdges[below(std::size(kEdges))];
      if (bytes.size() >= sizeof edge) std::memcpy(bytes.data() + below(bytes.size() - sizeof edge + 1), &edge, sizeof edge);
      break;
    }
    default:
      std::rotate(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
  }
}

uint64_t option(int count, char** values, const std::string& name, uint64_t fallback) {
  for (int i = 1; i < count; ++i)
    if (std::string(values[i]).starts_with(name)) return std::strtoull(values[i] + name.size(), nullptr, 10);
  return fallback;
}

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t room) {
  std::vector<uint8_t> bytes(data, data + size);
  for (size_t changes = 1 + below(4); changes > 0; --changes) mutate(bytes);
  bytes.resize(std::min(bytes.size(), room));
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}

int main(int count, char** values) {
  const uint64_t runs = option(count, values, "-runs=", 20'000);
  const auto seed = static_cast<unsigned>(option(count, values, "-seed=", 1));
  random_bits.seed(seed);
  std::vector<std::vector<uint8_t>> pool(kPool);
  const auto begin = std::chrono::steady_clock::now();
  for (uint64_t run = 0; run < runs; ++run) {
    std::vector<uint8_t>& kept = pool[below(pool.size())];
    std::vector<uint8_t> bytes = kept;
    const size_t size = bytes.size();
    bytes.resize(kLongest);
    bytes.resize(LLVMFuzzerCustomMutator(bytes.data(), size, bytes.size(), static_cast<unsigned>(random_bits())));
    // Of exactly its size, so that AddressSanitizer sees a read past the end.
    bytes.shrink_to_fit();
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    if (below(4) == 0) kept = bytes;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%llu inputs in %.1f s\n", static_cast<unsigned long long>(runs), seconds);
}
