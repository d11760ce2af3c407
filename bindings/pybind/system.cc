/// \file
/// What is asked of the library as a whole.
#include "module.h"

namespace {

std::string isa() {
  const char* name = nullptr;
  api::check(skimp_isa(&name));
  return name;
}

}  // namespace

void bind_system(py::module_& module) {
  module.def("version", &skimp_version);
  module.def("isa", &isa);
  module.def("isa_names", &skimp_isa_names);
  module.def("use_isa", [](const std::string& name) { api::check(skimp_use_isa(name.c_str())); });
}
