/// \file
/// Failures of the library become the exceptions of skimp/errors.py, which has the one table from
/// status to class.
#include "module.h"

void bind_errors(py::module_&) {
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const api::Error& error) {
      const py::object exception =
          py::module_::import("skimp.errors")
              .attr("error_of")(static_cast<int>(error.status()), py::str(error.what()));
      PyErr_SetObject(py::type::handle_of(exception).ptr(), exception.ptr());
    }
  });
}
