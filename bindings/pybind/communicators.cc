/// \file
/// Communicators: how they are made, and what is called on them now and then.
#include "module.h"

namespace {

/// `communicator` and `byte` are the addresses of mpi4py's handles; see
/// skimp_mpi_create_from_handles.
api::Communicator mpi_create(const std::string& library, std::uintptr_t communicator,
                             std::uintptr_t byte, bool shared_memory) {
  skimp_communicator* made = nullptr;
  api::check(
      skimp_mpi_create_from_handles(library.c_str(), reinterpret_cast<const void*>(communicator),
                                    reinterpret_cast<const void*>(byte), shared_memory, &made));
  return api::Communicator(made);
}

void close_communicator(api::Communicator& communicator, const std::optional<std::string>& reason) {
  communicator.close(reason ? reason->c_str() : nullptr);
}

void inject_fault(api::Communicator& communicator, int fault, std::uint64_t exchange) {
  api::check(skimp_communicator_inject_fault(communicator.handle(), static_cast<skimp_fault>(fault),
                                             exchange));
}

}  // namespace

void bind_communicators(py::module_& module) {
  using api::Communicator;
  py::class_<Communicator>(module, "Communicator")
      .def_property_readonly("rank", &Communicator::rank)
      .def_property_readonly("world_size", &Communicator::world_size)
      .def_property_readonly("transport", &Communicator::transport)
      .def("set_timeout", &Communicator::set_timeout, py::arg("seconds"))
      .def("set_pipeline", &Communicator::set_pipeline, py::arg("segment"), py::arg("window"))
      .def("set_threads", &Communicator::set_threads, py::arg("threads"))
      .def(
          "set_nodes",
          [](Communicator& self, const std::vector<int>& nodes) { self.set_nodes(nodes); },
          py::arg("nodes"))
      .def("send_from_devices", &Communicator::send_from_devices)
      .def("barrier", &Communicator::barrier, WithoutGil())
      .def("split", &Communicator::split, py::arg("color"), py::arg("key"), WithoutGil(),
           py::keep_alive<0, 1>())
      .def("close", &close_communicator, py::arg("reason"), WithoutGil())
      .def("report", [](const Communicator& self) { return report_fields(self.report()); })
      .def("inject_fault", &inject_fault, py::arg("fault"), py::arg("exchange"))
      .def_property_readonly("handle", &handle_of<Communicator>);

  module.def("threads_create", &Communicator::threads, py::arg("world_size"), WithoutGil());
  module.def(
      "nccl_create",
      [](const Communicator& control, const std::string& library, int device) {
        return Communicator::nccl(control, device, library.c_str());
      },
      py::arg("control"), py::arg("library"), py::arg("device"), WithoutGil(),
      py::keep_alive<0, 1>());
  module.def(
      "tcp_create",
      [](int rank, const std::vector<int>& sockets) { return Communicator::tcp(rank, sockets); },
      py::arg("rank"), py::arg("sockets"), WithoutGil());
  module.def("mpi_create", &mpi_create, py::arg("library"), py::arg("communicator"),
             py::arg("byte"), py::arg("shared_memory"), WithoutGil());
}
