/// \file
/// What skimp/mpi.h uses of the ABI of Open MPI and its kin (Spectrum MPI, Fujitsu MPI, …).
/// No include guard, no includes: it is included within a namespace.

using MPI_Comm = struct OpenMpiCommunicator*;
using MPI_Datatype = struct OpenMpiDatatype*;
using MPI_Request = struct OpenMpiRequest*;
struct MPI_Status {
  int MPI_SOURCE;
  int MPI_TAG;
  int MPI_ERROR;
  int cancelled;
  size_t bytes;
};
enum : int { MPI_SUCCESS = 0, MPI_ERR_TRUNCATE = 15, MPI_TAG_UB = 0, MPI_MAX_ERROR_STRING = 256 };
