#include "collectives/allreduce/balance.h"

#include <algorithm>
#include <numeric>

namespace skimp::balance {

template <class Value>
std::vector<std::uint64_t> by_magnitude(const Entries<Value>& entries) {
  std::vector<std::uint64_t> order(entries.size());
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::uint64_t a, std::uint64_t b) {
    return magnitude_bits(entries.values[a]) > magnitude_bits(entries.values[b]);
  });
  return order;
}

template <class Value>
std::vector<BitsOf<Value>> summary_of(const Entries<Value>& entries,
                                      const std::vector<std::uint64_t>& order) {
  const std::uint64_t parts = std::min(groups, entries.size());
  std::vector<BitsOf<Value>> smallest;
  for (std::uint64_t g = 1; g <= parts; ++g) {
    const std::uint64_t last = order[share(g, entries.size(), parts) - 1];
    smallest.push_back(magnitude_bits(entries.values[last]));
  }
  return smallest;
}

template <class Value>
std::vector<std::uint64_t> choose(const std::vector<Summary<Value>>& summaries, std::uint64_t k) {
  struct Group {
    BitsOf<Value> smallest;
    std::size_t owner;
    std::uint64_t size;
  };
  std::vector<Group> all;
  for (std::size_t owner = 0; owner < summaries.size(); ++owner) {
    const auto& [size, smallest] = summaries[owner];
    for (std::uint64_t g = 0; g < smallest.size(); ++g) {
      const std::uint64_t begin = share(g, size, smallest.size());
      all.push_back({smallest[g], owner, share(g + 1, size, smallest.size()) - begin});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Group& a, const Group& b) { return a.smallest > b.smallest; });
  std::vector<std::uint64_t> kept(summaries.size());
  for (const Group& group : all) {
    const std::uint64_t taken = std::min(group.size, k);
    kept[group.owner] += taken;
    k -= taken;
  }
  return kept;
}

Dealing::Dealing(const std::vector<std::uint64_t>& kept,
                 const std::vector<std::uint64_t>& borders) {
  const std::size_t ranks = kept.size();
  const std::uint64_t all = std::accumulate(kept.begin(), kept.end(), std::uint64_t{0});
  std::uint64_t begin = 0;
  for (const std::uint64_t n : kept) {
    owned.push_back({begin, begin + n});
    begin += n;
  }
  for (std::size_t r = 0; r < ranks; ++r) {
    dealt.push_back({share(r, all, ranks), share(r + 1, all, ranks)});
    Stretch range;
    for (std::size_t owner = 0; owner < ranks; ++owner) {
      if (common(owned[owner], dealt[r]).size() == 0) continue;
      if (range.size() == 0) range.begin = borders[owner];
      range.end = borders[owner + 1];
    }
    ranges.push_back(range);
  }
}

template std::vector<std::uint64_t> by_magnitude(const Entries<float>&);
template std::vector<std::uint64_t> by_magnitude(const Entries<double>&);
template std::vector<BitsOf<float>> summary_of(const Entries<float>&,
                                               const std::vector<std::uint64_t>&);
template std::vector<BitsOf<double>> summary_of(const Entries<double>&,
                                                const std::vector<std::uint64_t>&);
template std::vector<std::uint64_t> choose(const std::vector<Summary<float>>&, std::uint64_t);
template std::vector<std::uint64_t> choose(const std::vector<Summary<double>>&, std::uint64_t);

}  // namespace skimp::balance
