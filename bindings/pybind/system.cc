/// \file
/// What is asked of the library as a whole.
#include "module.h"

namespace {

std::string isa() {
  const char* name = nullptr;
  api::check(skimp_isa(&name));
  return name;
}

std::string device_info() {
  const char* text = nullptr;
  api::check(skimp_device_info(&text));
  return text;
}

std::string nccl_info(const std::string& library) {
  const char* text = nullptr;
  api::check(skimp_nccl_info(library.c_str(), &text));
  return text;
}

}  // namespace

void bind_system(py::module_& module) {
  module.def("version", &skimp_version);
  module.def("isa", &isa);
  module.def("device_info", &device_info);
  module.def("nccl_info", &nccl_info, py::arg("library"));
  module.def("isa_names", &skimp_isa_names);
  module.def("use_isa", [](const std::string& name) { api::check(skimp_use_isa(name.c_str())); });
}
