/// \file
/// Some ranks of another transport as a world of their own; `split` is built on it.
#pragma once

#include <memory>
#include <vector>

#include "transports/transport.h"

namespace skimp {

/// Rank i of the group is the parent's rank members[i]; this rank must be one of them. The group
/// has channels first_channel … first_channel + channels - 1 of the parent to itself: whoever makes
/// groups keeps those of overlapping ones apart. Not collective. The parent must outlive the group,
/// and progress on one is progress on both.
std::unique_ptr<Transport> make_group(Transport& parent, std::vector<int> members,
                                      Channel first_channel, Channel channels);

}  // namespace skimp
