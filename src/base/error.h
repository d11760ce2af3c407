/// \file
/// Errors: exceptions inside the library, status codes at the C edge (src/capi).
/// A message says what failed, with the values, and what would be accepted.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

#include "skimp/types.h"

namespace skimp {

/// The values are those of the C ABI and are pinned there.
using Status = skimp_status;

class Error : public std::runtime_error {
 public:
  Error(Status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  Status status() const { return status_; }

 private:
  Status status_;
};

/// Joins its arguments as text: text("k = ", 12, " exceeds count = ", 8).
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(Status status, const Parts&... parts) {
  throw Error(status, text(parts...));
}

template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) fail(SKIMP_INVALID_ARGUMENT, parts...);
}

/// For received bytes: whatever they hold, the reader ends here and not outside its buffer.
template <class... Parts>
void require_intact(bool condition, const Parts&... parts) {
  if (!condition) fail(SKIMP_CORRUPT_PAYLOAD, parts...);
}

}  // namespace skimp
