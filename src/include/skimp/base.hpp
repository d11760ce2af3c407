/// \file
/// What the classes share: failures, ranges of values, owners of C objects.
#pragma once

#include <cstdint>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "skimp/skimp.h"

namespace skimp::api {

class Error : public std::runtime_error {
 public:
  Error(skimp_status status, const std::string& message)
      : std::runtime_error(message), status_(status) {}
  skimp_status status() const { return status_; }

 private:
  skimp_status status_;
};

/// Throws what a C function reported.
inline void check(skimp_status status) {
  if (status != SKIMP_OK) throw Error(status, skimp_last_error_message());
}

// ---- Ranges of values ---------------------------------------------------------------------------

/// The skimp_dtype of an element type. Specialise it for a half type of yours.
template <class Element>
inline constexpr skimp_dtype dtype_of = skimp_dtype{};
template <>
inline constexpr skimp_dtype dtype_of<float> = SKIMP_FLOAT32;
template <>
inline constexpr skimp_dtype dtype_of<double> = SKIMP_FLOAT64;

template <class Range>
using element_of = std::remove_cv_t<std::ranges::range_value_t<Range>>;

template <class Range>
concept Values = std::ranges::contiguous_range<Range> && std::ranges::sized_range<Range> &&
                 dtype_of<element_of<Range>> != skimp_dtype{};

template <class Range>
concept WritableValues =
    Values<Range> &&
    !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<Range>>>;

template <class Range, class Input>
concept OutputFor = WritableValues<Range> && std::same_as<element_of<Range>, element_of<Input>>;

/// Owns a C object.
template <class Object, void (*destroy)(Object*)>
class Handle {
 public:
  explicit Handle(Object* object) : object_(object) {}
  Object* handle() const { return object_.get(); }

 private:
  struct Destroy {
    void operator()(Object* object) const { destroy(object); }
  };
  std::unique_ptr<Object, Destroy> object_;
};

}  // namespace skimp::api
