#include "collectives/robust.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>

#include "base/isa.h"
#include "codecs/elements.h"

namespace skimp {
namespace {

/// Columns taken at once: those of many ranks fit in the first-level cache.
constexpr std::uint64_t columns = 256;

/// The comparisons of Batcher's merge exchange, for any number of rows (Knuth, The Art of Computer
/// Programming, 5.2.2 M). They do not depend on the values, so that whole rows are compared.
std::vector<std::pair<int, int>> sorting_network(int rows) {
  std::vector<std::pair<int, int>> network;
  const int top = static_cast<int>(std::bit_ceil(static_cast<unsigned>(rows))) / 2;
  for (int p = top; p > 0; p /= 2) {
    int r = 0;
    int d = p;
    for (int q = top;; q /= 2) {
      for (int i = 0; i + d < rows; ++i) {
        if ((i & p) == r) network.emplace_back(i, i + d);
      }
      if (q == p) break;
      d = q - p;
      r = p;
    }
  }
  return network;
}

/// Signed integers in the order of the numbers; its own inverse but for NaN. Those of negative
/// numbers have all other bits flipped.
template <class Value>
using KeyOf = std::make_signed_t<BitsOf<Value>>;

template <class Key>
Key flip_negative(Key bits) {
  return bits ^ ((bits >> (sizeof(Key) * 8 - 1)) & std::numeric_limits<Key>::max());
}

template <class Value>
KeyOf<Value> key_of(Value value) {
  const auto key = flip_negative(std::bit_cast<KeyOf<Value>>(value));
  return is_nan(value) ? std::numeric_limits<KeyOf<Value>>::max() : key;
}

template <class Value>
Value value_of(KeyOf<Value> key) {
  return canonical(std::bit_cast<Value>(flip_negative(key)));
}

template <class Value>
void make_keys(std::byte* row, std::uint64_t n) {
  for (std::uint64_t i = 0; i < n; ++i) {
    store(row + i * sizeof(Value), key_of(load<Value>(row + i * sizeof(Value))));
  }
}

template <class Key>
void compare(std::byte* __restrict low, std::byte* __restrict high, std::uint64_t n) {
  for (std::uint64_t i = 0; i < n; ++i) {
    const Key a = load<Key>(low + i * sizeof(Key));
    const Key b = load<Key>(high + i * sizeof(Key));
    store(low + i * sizeof(Key), std::min(a, b));
    store(high + i * sizeof(Key), std::max(a, b));
  }
}

/// The rows' `n` columns at `place`, `stride` bytes apart.
struct Rows {
  std::byte* place;
  std::uint64_t stride;
  std::byte* operator[](int row) const { return place + static_cast<std::uint64_t>(row) * stride; }
};

/// Ascending columns; the mean of rows first … last, added up in that order.
template <class Value>
void trimmed_mean(const Rows& rows, int ranks, int trim,
                  const std::vector<std::pair<int, int>>& network, std::uint64_t n) {
  using Key = KeyOf<Value>;
  for (int rank = 0; rank < ranks; ++rank) make_keys<Value>(rows[rank], n);
  for (const auto& [low, high] : network) compare<Key>(rows[low], rows[high], n);
  Value sum[columns];
  for (std::uint64_t i = 0; i < n; ++i) {
    sum[i] = value_of<Value>(load<Key>(rows[trim] + i * sizeof(Key)));
  }
  for (int rank = trim + 1; rank < ranks - trim; ++rank) {
    const std::byte* row = rows[rank];
    for (std::uint64_t i = 0; i < n; ++i) {
      sum[i] += value_of<Value>(load<Key>(row + i * sizeof(Key)));
    }
  }
  const auto kept = static_cast<Value>(ranks - 2 * trim);
  for (std::uint64_t i = 0; i < n; ++i) store(rows[0] + i * sizeof(Value), sum[i] / kept);
}

template <class Value>
void vote(const Rows& rows, int ranks, std::uint64_t n) {
  KeyOf<Value> balance[columns] = {};
  for (int rank = 0; rank < ranks; ++rank) {
    const std::byte* row = rows[rank];
    for (std::uint64_t i = 0; i < n; ++i) {
      const auto value = load<Value>(row + i * sizeof(Value));
      balance[i] += KeyOf<Value>{value > 0} - KeyOf<Value>{value < 0};
    }
  }
  for (std::uint64_t i = 0; i < n; ++i) {
    const auto sign = KeyOf<Value>{balance[i] > 0} - KeyOf<Value>{balance[i] < 0};
    store(rows[0] + i * sizeof(Value), static_cast<Value>(sign));
  }
}

}  // namespace

int trim_of(const Call& call, int world_size) {
  if (call.op == SKIMP_MEDIAN) return (world_size - 1) / 2;
  return call.trim == 0 ? world_size / 4 : call.trim;
}

std::string refuses_robust(const Call& call, int world_size) {
  if (!is_robust(call.op)) return "";
  const bool keeps_all = call.codec->kept(call.count) == call.count;
  if (!keeps_all || !call.codec->traits().fixed_size) {
    return text("compares the values of all ranks for op=", name_of(call.op), ", and ",
                call.codec->text(), " leaves values out");
  }
  const int trim = trim_of(call, world_size);
  if (call.op == SKIMP_TRIMMED_MEAN && trim > (world_size - 1) / 2) {
    return text("cannot drop trim = ", trim, " values at each end of ", world_size,
                ", which leaves none; at most ", (world_size - 1) / 2);
  }
  return "";
}

RobustReduction::RobustReduction(const Call& call, int world_size)
    : op_(call.op),
      dtype_(call.dtype),
      ranks_(world_size),
      trim_(trim_of(call, world_size)),
      network_(call.op == SKIMP_VOTE ? std::vector<std::pair<int, int>>()
                                     : sorting_network(world_size)) {}

void RobustReduction::run(void* rows, std::uint64_t stride, std::uint64_t count) const {
  on_isa([&](auto) {
    visit_accumulator(dtype_, [&](auto value) {
      using Value = decltype(value);
      for (std::uint64_t begin = 0; begin < count; begin += columns) {
        const std::uint64_t n = std::min(columns, count - begin);
        const Rows tile{static_cast<std::byte*>(rows) + begin * sizeof(Value),
                        stride * sizeof(Value)};
        if (op_ == SKIMP_VOTE) {
          vote<Value>(tile, ranks_, n);
        } else {
          trimmed_mean<Value>(tile, ranks_, trim_, network_, n);
        }
      }
    });
  });
}

}  // namespace skimp
