/// \file
/// A link between devices by NCCL. The library is linked to none: it opens the libnccl that the
/// caller names, or the one that the process has, at run time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "transports/device_link.h"

namespace skimp {

/// An identity that the ranks of one link share; made by one of them.
std::vector<std::byte> make_nccl_identity(const char* library);

/// Joins: all ranks do so at once, each with its device. Throws what NCCL says.
std::unique_ptr<DeviceLink> make_nccl(const char* library, Bytes identity, int rank, int world_size,
                                      int device, const DeviceLink::Idle& idle);

/// "2.28.9". Throws the loader's words.
std::string describe_nccl(const char* library);

}  // namespace skimp
