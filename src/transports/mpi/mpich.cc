#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <mutex>

#include "base/error.h"
#include "transports/mpi/abi.h"

namespace skimp {
namespace {

#include "transports/mpi/mpich.h"
// The types come first.
#include "transports/mpi/functions.inc"

bool matches(const MpiHandles& handles) {
  return *static_cast<const MPI_Datatype*>(handles.byte) == MPI_BYTE;
}

}  // namespace

const MpiAbi mpich_abi{"MPICH", matches, make_table};

}  // namespace skimp
