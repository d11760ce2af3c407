#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <cstdint>
#include <mutex>

#include "base/error.h"
#include "transports/mpi/abi.h"

namespace skimp {
namespace {

#include "transports/mpi/standard.h"
// The types come first.
#include "transports/mpi/functions.inc"

bool matches(const MpiHandles& handles) {
  return *static_cast<const uintptr_t*>(handles.byte) == mpi_byte_bits;
}

}  // namespace

const MpiAbi standard_abi{"the MPI standard", matches, make_table};

}  // namespace skimp
