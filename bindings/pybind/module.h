/// \file
/// What the files of the module skimp._objects share: one function each, and how reports are given.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>

#include "skimp/skimp.hpp"

namespace py = pybind11;
namespace api = skimp::api;

void bind_errors(py::module_& module);
void bind_codecs(py::module_& module);
void bind_graphs(py::module_& module);
void bind_communicators(py::module_& module);
void bind_plans(py::module_& module);
void bind_system(py::module_& module);

/// The fields of a report by name; skimp.Report is made of them.
py::dict report_fields(const skimp_report& report);

/// For what may wait for a peer, or takes time: other Python threads run meanwhile.
using WithoutGil = py::call_guard<py::gil_scoped_release>;

template <class Wrapper>
std::uintptr_t handle_of(const Wrapper& wrapper) {
  return reinterpret_cast<std::uintptr_t>(wrapper.handle());
}
