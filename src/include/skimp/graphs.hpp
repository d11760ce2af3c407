/// \file
/// Graphs of gossip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "skimp/codecs.hpp"

namespace skimp::api {

/// Who mixes with whom; see skimp_graph_create. Immutable, so threads may share it.
class Graph : public Handle<skimp_graph, skimp_graph_destroy> {
 public:
  Graph(const std::string& name, int world_size) : Handle(create(name, world_size)) {}
  /// world_size · world_size weights, row by row.
  Graph(std::span<const double> weights, int world_size) : Handle(create(weights, world_size)) {}

  int world_size() const { return skimp_graph_world_size(handle()); }
  double weight(int a, int b) const { return skimp_graph_weight(handle(), a, b); }
  double spectral_gap() const { return skimp_graph_spectral_gap(handle()); }
  double step_size(const Codec& codec, std::uint64_t count) const {
    double step_size = 0;
    check(skimp_graph_step_size(handle(), codec.handle(), count, &step_size));
    return step_size;
  }

 private:
  static skimp_graph* create(const std::string& name, int world_size) {
    skimp_graph* graph = nullptr;
    check(skimp_graph_create(name.c_str(), world_size, &graph));
    return graph;
  }
  static skimp_graph* create(std::span<const double> weights, int world_size) {
    const auto ranks = static_cast<std::size_t>(world_size < 0 ? 0 : world_size);
    if (weights.size() != ranks * ranks) {
      throw Error(SKIMP_INVALID_ARGUMENT, "graph: " + std::to_string(weights.size()) +
                                              " weights, " + std::to_string(world_size) +
                                              " ranks need the square of that");
    }
    skimp_graph* graph = nullptr;
    check(skimp_graph_create_from_weights(weights.data(), world_size, &graph));
    return graph;
  }
};

}  // namespace skimp::api
