/// \file
/// Ranks as threads of this process: the transport that needs nothing installed.
#pragma once

#include <memory>
#include <vector>

#include "transports/transport.h"

namespace skimp {

/// One transport a rank, joined by a hub that lives as long as any of them. Each may be used by
/// one thread at a time; they may be destroyed in any order, from any thread.
std::vector<std::unique_ptr<Transport>> make_threads(int world_size);

}  // namespace skimp
