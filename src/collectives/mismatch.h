/// \file
/// Finding who is odd when ranks disagree, and saying so.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace skimp {

/// What one rank's frame told of the call that it is in.
struct Statement {
  int rank = 0;
  std::uint64_t fingerprint = 0;
  std::uint64_t sequence = 0;
  std::string text;  ///< its plan; empty when it sent data, which carries the fingerprint only
};

/// The message of a MismatchError: the rank that differs from the majority and in what, or both
/// values where there is no majority. `statements` holds this rank's own, and its peers' as far as
/// they are known.
std::string explain_mismatch(const std::vector<Statement>& statements);

}  // namespace skimp
