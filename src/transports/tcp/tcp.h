/// \file
/// Messages between processes that stream sockets connect, as those of TCP are. How the processes
/// found each other is not asked here: skimp.tcp of the Python package brings them together.
#pragma once

#include <memory>
#include <span>

#include "transports/transport.h"

namespace skimp {

/// `sockets[peer]` is connected with that rank, and with nobody else; the own entry is not read.
/// Owns them, unless it throws.
std::unique_ptr<Transport> make_tcp(int rank, std::span<const int> sockets);

}  // namespace skimp
