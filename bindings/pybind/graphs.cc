/// \file
/// Graphs of gossip.
#include "module.h"

namespace {

/// `weights` is a contiguous (P, P) array of float64; skimp.Graph has made it so.
api::Graph graph_of_weights(const py::buffer& weights) {
  const py::buffer_info info = weights.request();
  const bool square = info.ndim == 2 && info.shape[0] == info.shape[1] && info.format == "d" &&
                      PyBuffer_IsContiguous(info.view(), 'C');
  if (!square) {
    throw api::Error(SKIMP_INVALID_ARGUMENT,
                     "graph: weights must be a contiguous square array of float64");
  }
  return api::Graph({static_cast<const double*>(info.ptr), static_cast<std::size_t>(info.size)},
                    static_cast<int>(info.shape[0]));
}

}  // namespace

void bind_graphs(py::module_& module) {
  py::class_<api::Graph>(module, "Graph")
      .def_static(
          "named",
          [](const std::string& name, int world_size) { return api::Graph(name, world_size); },
          py::arg("name"), py::arg("world_size"), WithoutGil())
      .def_static("of_weights", &graph_of_weights, py::arg("weights"))
      .def_property_readonly("world_size", &api::Graph::world_size)
      .def_property_readonly("spectral_gap", &api::Graph::spectral_gap)
      .def_property_readonly("handle", &handle_of<api::Graph>)
      .def("weight", &api::Graph::weight, py::arg("a"), py::arg("b"))
      .def("step_size", &api::Graph::step_size, py::arg("codec"), py::arg("count"), WithoutGil());
}
