/// Graphs of gossip in the C ABI.
#include "capi/guard.h"
#include "capi/objects.h"
#include "collectives/mix/step_size.h"

using skimp::Graph;
using skimp::capi::guard;
using skimp::capi::require_pointer;

skimp_status skimp_graph_create(const char* name, int world_size, skimp_graph** graph) {
  return guard([&] {
    require_pointer(name, "name");
    require_pointer(graph, "graph");
    *graph = new skimp_graph{std::make_shared<const Graph>(Graph::named(name, world_size))};
  });
}

skimp_status skimp_graph_create_from_weights(const double* weights, int world_size,
                                             skimp_graph** graph) {
  return guard([&] {
    require_pointer(weights, "weights");
    require_pointer(graph, "graph");
    *graph = new skimp_graph{std::make_shared<const Graph>(Graph::of_weights(weights, world_size))};
  });
}

void skimp_graph_destroy(skimp_graph* graph) { delete graph; }

int skimp_graph_world_size(const skimp_graph* graph) { return graph->graph->world_size(); }

double skimp_graph_weight(const skimp_graph* graph, int a, int b) {
  const int ranks = graph->graph->world_size();
  const bool exists = a >= 0 && a < ranks && b >= 0 && b < ranks;
  return exists ? graph->graph->weight(a, b) : 0;
}

double skimp_graph_spectral_gap(const skimp_graph* graph) { return graph->graph->spectral_gap(); }

skimp_status skimp_graph_step_size(const skimp_graph* graph, const skimp_codec* codec,
                                   uint64_t count, double* step_size) {
  return guard([&] {
    require_pointer(graph, "graph");
    require_pointer(step_size, "step_size");
    *step_size = codec == nullptr
                     ? 1
                     : skimp::default_step_size(*codec->codec, skimp::capi::checked_count(count),
                                                *graph->graph);
  });
}
