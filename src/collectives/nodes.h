/// \file
/// Which ranks share a node, and what follows for an array that is reduced first within nodes and
/// then between them.
#pragma once

#include <string>
#include <vector>

#include "collectives/call.h"

namespace skimp {

/// The nodes of a world, in the order of their first ranks, as their ranks in order.
std::vector<std::vector<int>> group_by_node(const std::vector<int>& nodes);

/// In short, for texts that ranks compare: the nodes of ranks 0, 1, …, runs as "8*0,8*1".
std::string name_of_nodes(const std::vector<int>& nodes);

/// A rank's node, and the ranks of other nodes with which it shares what it owns.
struct Neighbourhood {
  World node;    ///< its members own shards 0, 1, …; those past the last own none
  World across;  ///< the owners of one shard, a node each; empty for a rank that owns none
  int shards;    ///< as many as the smallest node has ranks
};

/// `world.nodes` must be known.
Neighbourhood neighbourhood_of(const World& world);

}  // namespace skimp
