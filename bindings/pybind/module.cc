/// \file
/// The Python module skimp._objects: what is made at human rate (codecs, residuals, communicators,
/// plans), over the C++ face skimp.hpp. What is called every step is in bindings/cython; it takes
/// the `handle` of these objects, the address of the C object. bindings/skimp/_objects.pyi lists
/// the names with their types.
#include "module.h"

PYBIND11_MODULE(_objects, module) {
  bind_errors(module);
  bind_codecs(module);
  bind_graphs(module);
  bind_communicators(module);
  bind_plans(module);
  bind_system(module);
}
