#include "collectives/robust.h"

#include <algorithm>

#include "base/isa.h"
#include "codecs/elements.h"
#include "collectives/device_queue.h"
#include "collectives/robust_column.h"
#include "collectives/robust_kernels.h"
#include "collectives/stopwatch.h"
#include "device/library.h"

namespace skimp {
namespace {

/// Columns taken at once: those of many ranks fit in the first-level cache.
constexpr std::uint64_t columns = 256;

using robust::key_of;
using robust::KeyOf;
using robust::sign_of;
using robust::value_of;

std::vector<std::pair<int, int>> sorting_network(int rows) {
  std::vector<std::pair<int, int>> network;
  robust::for_each_comparison(rows, [&](int i, int j) { network.emplace_back(i, j); });
  return network;
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
      balance[i] += sign_of(load<Value>(row + i * sizeof(Value)));
    }
  }
  for (std::uint64_t i = 0; i < n; ++i) {
    store(rows[0] + i * sizeof(Value), static_cast<Value>(sign_of(balance[i])));
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

void RobustReduction::run(Run& run, void* rows, std::uint64_t stride, std::uint64_t count) const {
  const Stopwatch stopwatch(run.codec_seconds);
  if (run.queue == nullptr) return reduce(rows, stride, count);
  const SkimpRankRows there{rows, accumulator_of(dtype_), stride, count, ranks_};
  if (op_ == SKIMP_VOTE) {
    SKIMP_ON_DEVICE(skimp_cuda_vote, run.queue->stream(), there);
  } else {
    SKIMP_ON_DEVICE(skimp_cuda_trimmed_mean, run.queue->stream(), there, trim_);
  }
}

void RobustReduction::reduce(void* rows, std::uint64_t stride, std::uint64_t count) const {
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
