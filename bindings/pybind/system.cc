/// \file
/// What `python -m skimp info` asks about the library and the processor.
#include "module.h"

namespace {

/// The widest vector instructions of this CPU that Skimp could use.
const char* simd_level() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    return "AVX-512";
  }
  if (__builtin_cpu_supports("avx2")) return "AVX2";
  return "SSE2";
#elif defined(__aarch64__)
  return "NEON";
#else
  return "unknown";
#endif
}

}  // namespace

void bind_system(py::module_& module) {
  module.def("version", &skimp_version);
  module.def("simd_level", &simd_level);
}
