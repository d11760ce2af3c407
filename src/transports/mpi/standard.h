/// \file
/// What skimp/mpi.h uses of the ABI that MPI 5.0 standardises.
/// No include guard, no includes: it is included within a namespace.

using MPI_Comm = struct StandardCommunicator*;
using MPI_Datatype = struct StandardDatatype*;
using MPI_Request = struct StandardRequest*;
struct MPI_Status {
  int MPI_SOURCE;
  int MPI_TAG;
  int MPI_ERROR;
  int internal[5];
};
enum : int { MPI_SUCCESS = 0, MPI_ERR_TRUNCATE = 15, MPI_TAG_UB = 501, MPI_MAX_ERROR_STRING = 512 };
constexpr uintptr_t mpi_byte_bits = 0x247;
