#include <dlfcn.h>

#include "base/error.h"
#include "transports/mpi/abi.h"
#include "transports/mpi/mpi.h"

namespace skimp {
namespace {

/// Only what is loaded already: a second MPI, or a second copy of this one, would know nothing of
/// the handles. Symbols are searched for in what the library depends on, too: an extension module
/// of Python leads to its libmpi. Never closed, since the functions found stay in use.
void* open_loaded(const char* library) {
  void* handle = dlopen(library, library == nullptr ? RTLD_LAZY : RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) {
    const char* reason = dlerror();
    fail(SKIMP_INVALID_ARGUMENT, "mpi: ", library, " is not loaded in this process",
         reason == nullptr ? "" : ": ", reason == nullptr ? "" : reason);
  }
  return handle;
}

/// What counts is the ABI that made the handles, and MPI_BYTE is in hand: no need to parse version
/// texts. MPICH comes first because it is the one with handles of four bytes; the others read
/// eight.
const MpiAbi& find_abi(const MpiHandles& handles) {
  for (const MpiAbi* abi : {&mpich_abi, &openmpi_abi, &standard_abi}) {
    if (abi->matches(handles)) return *abi;
  }
  fail(SKIMP_INVALID_ARGUMENT, "mpi: the handle of MPI_BYTE is that of none of the known ABIs (",
       openmpi_abi.name, ", ", mpich_abi.name, ", ", standard_abi.name,
       "), or belongs to another library than the one named");
}

}  // namespace

std::unique_ptr<Transport> make_mpi_from_handles(const char* library, const void* mpi_communicator,
                                                 const void* mpi_byte, bool shared_memory) {
  require(mpi_communicator != nullptr && mpi_byte != nullptr, "mpi: a handle is NULL");
  const MpiHandles handles{open_loaded(library), mpi_communicator, mpi_byte, shared_memory};
  return make_mpi(find_abi(handles).make_table(handles));
}

}  // namespace skimp
