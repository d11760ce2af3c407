/// \file
/// Sparse arrays.
#pragma once

#include <cstdint>
#include <ranges>
#include <string>
#include <type_traits>

#include "skimp/base.hpp"

namespace skimp::api {

/// Entries of an array that is zero elsewhere; see skimp_sparse_create.
class Sparse : public Handle<skimp_sparse, skimp_sparse_destroy> {
 public:
  /// Takes over a C object.
  explicit Sparse(skimp_sparse* sparse) : Handle(sparse) {}

  /// Indices of std::int32_t or std::int64_t, as many as values.
  template <std::ranges::contiguous_range Indices, Values Range>
  Sparse(const Indices& indices, const Range& values, std::uint64_t count)
      : Handle(create(indices, values, count)) {}

  std::uint64_t count() const { return skimp_sparse_count(handle()); }
  std::uint64_t entries() const { return skimp_sparse_entries(handle()); }

  /// To arrays of entries() elements.
  void read(std::int64_t* indices, void* values) const {
    check(skimp_sparse_read(handle(), indices, values));
  }
  /// To an array of count() elements.
  void to_dense(void* output) const { check(skimp_sparse_to_dense(handle(), output)); }

 private:
  template <class Indices, class Range>
  static skimp_sparse* create(const Indices& indices, const Range& values, std::uint64_t count) {
    using Index = element_of<Indices>;
    static_assert(std::is_same_v<Index, std::int32_t> || std::is_same_v<Index, std::int64_t>);
    if (std::ranges::size(indices) != std::ranges::size(values)) {
      throw Error(SKIMP_INVALID_ARGUMENT,
                  std::to_string(std::ranges::size(indices)) + " indices, but " +
                      std::to_string(std::ranges::size(values)) + " values");
    }
    skimp_sparse* sparse = nullptr;
    check(skimp_sparse_create(std::ranges::data(indices), sizeof(Index), std::ranges::data(values),
                              std::ranges::size(values), count, dtype_of<element_of<Range>>,
                              &sparse));
    return sparse;
  }
};

}  // namespace skimp::api
