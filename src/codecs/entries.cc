#include "codecs/entries.h"

#include <algorithm>
#include <numeric>

#include "base/numbers.h"

namespace skimp {

template <class Value>
void sort_entries(Entries<Value>& entries) {
  const auto ascends = [](std::uint64_t a, std::uint64_t b) { return a >= b; };
  const auto& given = entries.indices;
  if (std::adjacent_find(given.begin(), given.end(), ascends) == given.end()) return;
  std::vector<std::uint64_t> order(entries.size());
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint64_t a, std::uint64_t b) { return given[a] < given[b]; });
  Entries<Value> sorted;
  for (const std::uint64_t i : order) {
    if (sorted.size() > 0 && sorted.indices.back() == given[i]) {
      sorted.values.back() = canonical(sorted.values.back() + entries.values[i]);
    } else {
      sorted.push(given[i], entries.values[i]);
    }
  }
  entries = std::move(sorted);
}

template <class Value>
void merge_entries(const Entries<Value>& a, const Entries<Value>& b, Entries<Value>& sum) {
  sum.resize(a.size() + b.size());
  std::uint64_t i = 0, j = 0, n = 0;
  while (i < a.size() && j < b.size()) {
    const std::uint64_t left = a.indices[i], right = b.indices[j];
    sum.indices[n] = std::min(left, right);
    if (left == right) {
      sum.values[n] = canonical(a.values[i] + b.values[j]);
    } else {
      sum.values[n] = left < right ? a.values[i] : b.values[j];
    }
    i += left <= right;
    j += right <= left;
    ++n;
  }
  const auto append = [&](const Entries<Value>& rest, std::uint64_t from) {
    std::copy(rest.indices.begin() + static_cast<std::ptrdiff_t>(from), rest.indices.end(),
              sum.indices.begin() + static_cast<std::ptrdiff_t>(n));
    std::copy(rest.values.begin() + static_cast<std::ptrdiff_t>(from), rest.values.end(),
              sum.values.begin() + static_cast<std::ptrdiff_t>(n));
    n += rest.size() - from;
  };
  append(a, i);
  append(b, j);
  sum.resize(n);
}

template void sort_entries(Entries<float>&);
template void sort_entries(Entries<double>&);
template void merge_entries(const Entries<float>&, const Entries<float>&, Entries<float>&);
template void merge_entries(const Entries<double>&, const Entries<double>&, Entries<double>&);

}  // namespace skimp
