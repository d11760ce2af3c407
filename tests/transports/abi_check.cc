// Compares what the library believes of an MPI's binary interface with that MPI's own mpi.h.
// Compiled, never run: `mpicc -x c++ -std=c++20 -fsyntax-only -I src abi_check.cc`.

#include <stddef.h>
#include <stdint.h>

namespace openmpi {
#include "transports/mpi/openmpi.h"
}
namespace mpich {
#include "transports/mpi/mpich.h"
}
namespace standard {
#include "transports/mpi/standard.h"
}

// mpi.h defines these names as macros, so the values are read before it is included.
struct Abi {
  size_t communicator_bytes, datatype_bytes, request_bytes, status_bytes, status_alignment;
  int success, error_truncate, tag_upper_bound, longest_error;
};
#define ABI(name)                                                                  \
  Abi {                                                                            \
    sizeof(name::MPI_Comm), sizeof(name::MPI_Datatype), sizeof(name::MPI_Request), \
        sizeof(name::MPI_Status), alignof(name::MPI_Status), name::MPI_SUCCESS,    \
        name::MPI_ERR_TRUNCATE, name::MPI_TAG_UB, name::MPI_MAX_ERROR_STRING       \
  }
constexpr Abi openmpi_abi = ABI(openmpi);
constexpr Abi mpich_abi = ABI(mpich);
constexpr Abi standard_abi = ABI(standard);
constexpr int mpich_byte = mpich::MPI_BYTE;
constexpr uintptr_t standard_byte = standard::mpi_byte_bits;

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#if defined(OPEN_MPI)
constexpr Abi ours = openmpi_abi;
#elif defined(MPICH_VERSION) || defined(I_MPI_VERSION)
constexpr Abi ours = mpich_abi;
static_assert(mpich_byte == MPI_BYTE);
#elif defined(MPI_ABI_VERSION)
constexpr Abi ours = standard_abi;
static_assert(MPI_ABI_VERSION == 1);
// MPI_BYTE is a number cast to the handle's type; a constant allows that for integers only.
#define MPI_Datatype uintptr_t
static_assert(standard_byte == MPI_BYTE);
#undef MPI_Datatype
#else
#error "an MPI of a family that is not known"
#endif

static_assert(ours.communicator_bytes == sizeof(MPI_Comm));
static_assert(ours.datatype_bytes == sizeof(MPI_Datatype));
static_assert(ours.request_bytes == sizeof(MPI_Request));
static_assert(ours.status_bytes == sizeof(MPI_Status));
static_assert(ours.status_alignment == alignof(MPI_Status));
static_assert(ours.success == MPI_SUCCESS);
static_assert(ours.error_truncate == MPI_ERR_TRUNCATE);
static_assert(ours.tag_upper_bound == MPI_TAG_UB);
static_assert(ours.longest_error == MPI_MAX_ERROR_STRING);
