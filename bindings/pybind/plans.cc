/// \file
/// Plans, and reports of what a call did.
#include "module.h"

namespace {

api::Plan make_plan(api::Communicator& communicator, int collective, std::uint64_t count, int dtype,
                    const api::Codec* codec, const api::Codec* broadcast_codec,
                    const std::optional<std::string>& algorithm, int op, int nonfinite, int trim,
                    int device) {
  return {communicator,
          static_cast<skimp_collective>(collective),
          count,
          static_cast<skimp_dtype>(dtype),
          {.codec = codec,
           .broadcast_codec = broadcast_codec,
           .algorithm = algorithm ? algorithm->c_str() : nullptr,
           .op = static_cast<skimp_op>(op),
           .nonfinite = static_cast<skimp_nonfinite>(nonfinite),
           .trim = trim,
           .device = device}};
}

}  // namespace

py::dict report_fields(const skimp_report& report) {
  using namespace py::literals;
  return py::dict(
      "algorithm"_a = report.algorithm, "count"_a = report.count,
      "input_bytes"_a = report.input_bytes, "bytes_sent"_a = report.bytes_sent,
      "bytes_received"_a = report.bytes_received, "messages_sent"_a = report.messages_sent,
      "guess_hits"_a = report.guess_hits, "guess_misses"_a = report.guess_misses,
      "predicted_bytes"_a = report.predicted_bytes, "dense_bytes"_a = report.dense_bytes,
      "rounds"_a = report.rounds, "seconds"_a = report.seconds,
      "encode_seconds"_a = report.encode_seconds, "wait_seconds"_a = report.wait_seconds,
      "nonfinite"_a = report.nonfinite != 0, "skipped"_a = report.skipped != 0);
}

void bind_plans(py::module_& module) {
  py::class_<api::Plan>(module, "Plan")
      .def(py::init(&make_plan), py::arg("communicator"), py::arg("collective"), py::arg("count"),
           py::arg("dtype"), py::arg("codec"), py::arg("broadcast_codec"), py::arg("algorithm"),
           py::arg("op"), py::arg("nonfinite"), py::arg("trim"), py::arg("device"), WithoutGil(),
           py::keep_alive<1, 2>())
      .def_property_readonly("text", &api::Plan::text)
      .def("report", [](const api::Plan& self) { return report_fields(self.report()); })
      .def_property_readonly("handle", &handle_of<api::Plan>);
}
