/// \file
/// The edge: exceptions become status codes here and nowhere else.
#pragma once

#include <new>
#include <string>
#include <utility>

#include "base/dtype.h"
#include "base/error.h"
#include "codecs/frame.h"
#include "skimp/skimp.h"

namespace skimp::capi {

/// The message that skimp_last_error_message returns in this thread.
void set_last_error(std::string message) noexcept;

/// Runs `body`; whatever it throws becomes a status and a message.
template <class Body>
skimp_status guard(Body&& body) noexcept {
  try {
    std::forward<Body>(body)();
    return SKIMP_OK;
  } catch (const Error& error) {
    set_last_error(error.what());
    return error.status();
  } catch (const std::bad_alloc&) {
    set_last_error("out of memory");
    return SKIMP_OUT_OF_MEMORY;
  } catch (const std::exception& error) {
    set_last_error(error.what());
    return SKIMP_INTERNAL;
  } catch (...) {
    set_last_error("unknown exception");
    return SKIMP_INTERNAL;
  }
}

/// Throws InvalidArgument when a pointer that must not be null is.
inline void require_pointer(const void* pointer, const char* name) {
  require(pointer != nullptr, name, " is NULL");
}

inline DType checked_dtype(int dtype) {
  if (!is_dtype(dtype)) {
    fail(SKIMP_UNSUPPORTED_TYPE, "dtype = ", dtype,
         " is none of SKIMP_FLOAT32, SKIMP_FLOAT16, SKIMP_BFLOAT16, SKIMP_FLOAT64");
  }
  return static_cast<DType>(dtype);
}

inline const skimp_options& checked_options(const skimp_options& options) {
  require(options.options_bytes == sizeof(skimp_options), "options_bytes = ", options.options_bytes,
          ", expected ", sizeof(skimp_options), "; begin with SKIMP_OPTIONS_INIT");
  require(options.op >= SKIMP_MEAN && options.op <= SKIMP_VOTE,
          "op = ", static_cast<int>(options.op), " is none of SKIMP_MEAN to SKIMP_VOTE");
  require(options.trim == 0 || (options.op == SKIMP_TRIMMED_MEAN && options.trim > 0),
          "trim = ", options.trim,
          " is not 0, nor a number of values that SKIMP_TRIMMED_MEAN drops");
  require(options.nonfinite >= SKIMP_PROPAGATE && options.nonfinite <= SKIMP_SKIP,
          "nonfinite = ", static_cast<int>(options.nonfinite),
          " is none of SKIMP_PROPAGATE, SKIMP_RAISE, SKIMP_SKIP");
  require(options.device >= SKIMP_HOST, "device = ", options.device,
          " is neither SKIMP_HOST nor a device's index");
  return options;
}

/// Sizes in bytes of as many elements do not overflow.
inline std::uint64_t checked_count(std::uint64_t count) {
  require(count <= largest_count, "count = ", count, " exceeds ", largest_count);
  return count;
}

}  // namespace skimp::capi
