// The one exception type that native code throws on purpose. `code` is a row of the table in lib/errors.ts; the addon turns
// it into a JS error with that code and keeps `what()` as its message: what was expected, what came, what to do next.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace astarpo {

class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const noexcept { return code_; }

 private:
  std::string code_;
};

}  // namespace astarpo
