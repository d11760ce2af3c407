/// \file
/// What skimp/mpi.h uses of the ABI of MPICH and its kin (Intel MPI, MVAPICH, Cray MPICH, …).
/// No include guard, no includes: it is included within a namespace.

using MPI_Comm = int;
using MPI_Datatype = int;
using MPI_Request = int;
struct MPI_Status {
  int count_low;
  int count_high_and_cancelled;
  int MPI_SOURCE;
  int MPI_TAG;
  int MPI_ERROR;
};
enum : int {
  MPI_SUCCESS = 0,
  MPI_ERR_TRUNCATE = 14,
  MPI_TAG_UB = 0x64400001,
  MPI_MAX_ERROR_STRING = 512
};
constexpr MPI_Datatype MPI_BYTE = 0x4c00010d;
