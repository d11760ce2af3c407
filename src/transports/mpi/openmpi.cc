#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <mutex>

#include "base/error.h"
#include "transports/mpi/abi.h"

namespace skimp {
namespace {

#include "transports/mpi/openmpi.h"
// The types come first.
#include "transports/mpi/functions.inc"

/// A handle points at an object of the library; no other ABI's library has this symbol.
bool matches(const MpiHandles& handles) {
  const void* byte = dlsym(handles.library, "ompi_mpi_byte");
  return byte != nullptr && *static_cast<const void* const*>(handles.byte) == byte;
}

}  // namespace

const MpiAbi openmpi_abi{"Open MPI", matches, make_table};

}  // namespace skimp
