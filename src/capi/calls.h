/// \file
/// Collectives as the C functions run them, for functions that are made of collectives.
#pragma once

#include "capi/objects.h"

namespace skimp::capi {

/// One collective by a cached plan; false if nothing was written because of SKIMP_SKIP. Throws what
/// the C function would report; arguments are checked as there, the communicator may be null.
bool run_collective(skimp_collective collective, skimp_communicator* communicator,
                    const void* input, void* output, std::uint64_t count, skimp_dtype dtype,
                    const skimp_options* options);

}  // namespace skimp::capi
