/// \file
/// Reaching an MPI that the process has loaded, without its mpi.h.
///
/// Binary interfaces of MPI differ in what a handle is and in the values of constants. There are
/// three families, each a pair of files here: NAME.h declares what the functions of skimp/mpi.h use
/// of it, as its mpi.h does, and NAME.cc compiles those functions against it. The tests compare
/// NAME.h with the real mpi.h.
#pragma once

#include "skimp/skimp.h"

namespace skimp {

/// What skimp_mpi_create_from_handles was given, the library as a handle of dlopen.
struct MpiHandles {
  void* library;
  const void* communicator;
  const void* byte;
  bool shared_memory;
};

/// One of the three. A process has one MPI, so each finds its functions once.
struct MpiAbi {
  const char* name;
  /// Whether `byte` is this ABI's handle of MPI_BYTE, which differs in all three.
  bool (*matches)(const MpiHandles& handles);
  skimp_mpi_table (*make_table)(const MpiHandles& handles);
};

extern const MpiAbi openmpi_abi;
extern const MpiAbi mpich_abi;
extern const MpiAbi standard_abi;

}  // namespace skimp
