/// \file
/// Codecs and the state of error feedback.
#include "module.h"

namespace {

/// Memory of `count` values as numpy sees it.
struct ResidualArray {
  void* data;
  std::uint64_t count;
  bool doubles;

  py::buffer_info buffer() {
    const auto size = static_cast<py::ssize_t>(doubles ? sizeof(double) : sizeof(float));
    return {data, size, doubles ? "d" : "f", 1, {count}, {size}};
  }
};

/// A residual that knows its own extent.
class SizedResidual : public api::Residual {
 public:
  SizedResidual(std::uint64_t count, int dtype, bool in_place, int device)
      : api::Residual(make(count, static_cast<skimp_dtype>(dtype), in_place, device)),
        count_(count),
        doubles_(dtype == SKIMP_FLOAT64) {}

  SizedResidual(std::uint64_t count, int dtype, api::Residual residual)
      : api::Residual(std::move(residual)), count_(count), doubles_(dtype == SKIMP_FLOAT64) {}

  static SizedResidual ef21(std::uint64_t count, int dtype) {
    return {count, dtype, api::Residual::ef21(count, static_cast<skimp_dtype>(dtype))};
  }

  static SizedResidual momentum(std::uint64_t count, int dtype, double momentum, double clip,
                                bool masking) {
    return {
        count, dtype,
        api::Residual::momentum(momentum, count, static_cast<skimp_dtype>(dtype), clip, masking)};
  }

  std::uint64_t count() const { return count_; }

  /// An array of a variant; its memory lives as long as the residual.
  ResidualArray array(const std::string& name) {
    if (device() >= 0) throw py::buffer_error("residual: the array is on a device");
    return {api::Residual::array(name.c_str()), count_, doubles_};
  }

  void save_array(const std::string& name, const py::buffer& values) const {
    const py::buffer_info info = checked(values.request(true));
    api::Residual::save_array(name.c_str(), info.ptr, static_cast<std::uint64_t>(info.size));
  }

  /// The memory as numpy sees it. The library keeps two buffers and swaps them: this view is of the
  /// values until the next call only, but its memory lives as long as the residual.
  py::buffer_info buffer() {
    if (device() >= 0) throw py::buffer_error("residual: the values are on a device");
    return ResidualArray{data(), count_, doubles_}.buffer();
  }

  void load(const py::buffer& values, std::uint64_t step) {
    const py::buffer_info info = checked(values.request());
    api::Residual::load(info.ptr, static_cast<std::uint64_t>(info.size), step);
  }

  void save(const py::buffer& values) const {
    const py::buffer_info info = checked(values.request(true));
    api::Residual::save(info.ptr, static_cast<std::uint64_t>(info.size));
  }

  /// A copy, as bytes: it may have another size after the next call.
  py::bytes memory() const {
    std::string values(memory_count() * itemsize(), '\0');
    save_memory(values.data(), memory_count());
    return values;
  }

  void load_memory(const std::string& values) {
    api::Residual::load_memory(values.data(), values.size() / itemsize());
  }

  SizedResidual copied_to(int device) const {
    return {count_, doubles_ ? SKIMP_FLOAT64 : SKIMP_FLOAT32, api::Residual::copied_to(device)};
  }

 private:
  std::size_t itemsize() const { return doubles_ ? sizeof(double) : sizeof(float); }

  static api::Residual make(std::uint64_t count, skimp_dtype dtype, bool in_place, int device) {
    if (device < 0) return api::Residual(count, dtype, in_place);
    return api::Residual::on_device(device, count, dtype, in_place);
  }

  py::buffer_info checked(py::buffer_info info) const {
    const bool same_type = info.format == (doubles_ ? "d" : "f");
    if (!same_type || info.ndim > 1 || !PyBuffer_IsContiguous(info.view(), 'C')) {
      throw api::Error(SKIMP_INVALID_ARGUMENT,
                       std::string("residual: values must be a contiguous array of ") +
                           (doubles_ ? "float64" : "float32"));
    }
    return info;
  }

  std::uint64_t count_;
  bool doubles_;
};

}  // namespace

void bind_codecs(py::module_& module) {
  py::class_<api::Codec>(module, "Codec")
      .def(py::init<const std::string&>(), py::arg("text"))
      .def_property_readonly("text", &api::Codec::text)
      .def_property_readonly("handle", &handle_of<api::Codec>);

  py::class_<ResidualArray>(module, "ResidualArray", py::buffer_protocol())
      .def_buffer(&ResidualArray::buffer);

  py::class_<SizedResidual>(module, "Residual", py::buffer_protocol())
      .def(py::init<std::uint64_t, int, bool, int>(), py::arg("count"), py::arg("dtype"),
           py::arg("in_place"), py::arg("device"), WithoutGil())
      .def_static("ef21", &SizedResidual::ef21, py::arg("count"), py::arg("dtype"))
      .def_static("momentum", &SizedResidual::momentum, py::arg("count"), py::arg("dtype"),
                  py::arg("momentum"), py::arg("clip"), py::arg("masking"))
      .def("array", &SizedResidual::array, py::arg("name"), py::keep_alive<0, 1>())
      .def("save_array", &SizedResidual::save_array, py::arg("name"), py::arg("values"))
      .def_property_readonly("count", &SizedResidual::count)
      .def_property_readonly("step", &SizedResidual::step)
      .def_property_readonly("device", &SizedResidual::device)
      .def("save", &SizedResidual::save, py::arg("values"))
      .def("load", &SizedResidual::load, py::arg("values"), py::arg("step"))
      .def("memory", &SizedResidual::memory)
      .def("load_memory", &SizedResidual::load_memory, py::arg("values"))
      .def("copied_to", &SizedResidual::copied_to, py::arg("device"), WithoutGil())
      .def("rescale", &SizedResidual::rescale, py::arg("factor"), WithoutGil())
      .def_property_readonly("handle", &handle_of<SizedResidual>)
      .def_buffer(&SizedResidual::buffer);

  module.def("codec_names", &skimp_codec_names);
}
