/// \file
/// Where the values of a run lie, and who does arithmetic on them: the host, at once, or a device,
/// in the order of its queue. What algorithms do with values is encode and decode them (Coder) and
/// what is here; none of them looks at a value itself.
#pragma once

#include "codecs/transfer.h"
#include "collectives/algorithm.h"

namespace skimp {

/// Moves values (see codecs/transfer.h), noting in the run if one of them is NaN or Inf.
void transfer_checked(Run& run, const Transfer& job);

/// The same for values that somebody has looked at.
void transfer_values(Run& run, const Transfer& job);

void copy_values(Run& run, void* to, const void* from, std::uint64_t bytes);
void clear_values(Run& run, void* values, std::uint64_t bytes);

/// Notes in the run if one of input + residual (null: zeros) is NaN or Inf.
void look_at_values(Run& run, const void* input, DType dtype, const void* residual,
                    std::uint64_t count);

/// Waits until headers and payloads in host memory are what was encoded, and notes what was not
/// finite. On the host they are already.
void settle(Run& run);

}  // namespace skimp
