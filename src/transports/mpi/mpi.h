/// \file
/// Messages over any MPI. The library is linked to none: it calls through skimp_mpi_table, which
/// skimp/mpi.h fills when compiled with the program's own mpi.h, and handles.cc at run time.
#pragma once

#include <memory>

#include "skimp/skimp.h"
#include "transports/transport.h"

namespace skimp {

/// Takes over the table's context, also when it throws. A channel is a tag. Requires that MPI was
/// initialised for calls from whichever threads use the transport.
std::unique_ptr<Transport> make_mpi(const skimp_mpi_table& table);

/// For handles of an MPI that the process has already loaded, see skimp_mpi_create_from_handles.
std::unique_ptr<Transport> make_mpi_from_handles(const char* library, const void* mpi_communicator,
                                                 const void* mpi_byte, bool shared_memory);

}  // namespace skimp
