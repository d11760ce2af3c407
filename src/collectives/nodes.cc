#include "collectives/nodes.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace skimp {
namespace {

/// The part of `world` that `members` are; this rank is the `place`-th of them.
World part_of(const World& world, std::vector<int> members, int place) {
  World part = world;
  part.rank = place;
  part.size = static_cast<int>(members.size());
  part.members = std::move(members);
  part.nodes.clear();
  return part;
}

}  // namespace

std::vector<std::vector<int>> group_by_node(const std::vector<int>& nodes) {
  std::vector<std::vector<int>> groups;
  std::map<int, std::size_t> places;
  for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
    const auto [found, is_new] = places.try_emplace(nodes[rank], groups.size());
    if (is_new) groups.emplace_back();
    groups[found->second].push_back(static_cast<int>(rank));
  }
  return groups;
}

std::string name_of_nodes(const std::vector<int>& nodes) {
  std::string name;
  for (std::size_t begin = 0; begin < nodes.size();) {
    std::size_t end = begin;
    while (end < nodes.size() && nodes[end] == nodes[begin]) ++end;
    name += text(name.empty() ? "" : ",", end - begin, "*", nodes[begin]);
    begin = end;
  }
  return name;
}

Neighbourhood neighbourhood_of(const World& world) {
  const auto groups = group_by_node(world.nodes);
  std::size_t shards = groups.front().size();
  for (const auto& group : groups) shards = std::min(shards, group.size());

  Neighbourhood result{};
  result.shards = static_cast<int>(shards);
  std::size_t place = 0;
  int node = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto found = std::find(groups[g].begin(), groups[g].end(), world.rank);
    if (found == groups[g].end()) continue;
    node = static_cast<int>(g);
    place = static_cast<std::size_t>(found - groups[g].begin());
    result.node = part_of(world, groups[g], static_cast<int>(place));
  }
  std::vector<int> owners;
  if (place < shards) {
    for (const auto& group : groups) owners.push_back(group[place]);
  }
  result.across = part_of(world, std::move(owners), node);
  return result;
}

}  // namespace skimp
