#include "collectives/reduce_phase.h"

#include <algorithm>
#include <utility>

#include "collectives/place.h"

namespace skimp {

ReducePhase::ReducePhase(const Call& call, const World& world, std::vector<Shard> shards)
    : ScatterPhase(call, world, std::move(shards)) {
  if (is_robust(call.op)) robust_.emplace(call, world.size);
  const std::uint64_t rows = robust_ ? static_cast<std::uint64_t>(world.size) : 1;
  for (int thread = 0; thread < workers_.threads(); ++thread) {
    sums_.emplace_back(rows * own().largest_segment() * bytes_of(accumulator_of(call.dtype)),
                       call.device);
  }
}

void ReducePhase::for_each_sum(Run& run, const Visit& visit,
                               const std::function<void(std::size_t, std::size_t)>& after) {
  const std::size_t segments = own().segments.size();
  const auto ranks = static_cast<std::size_t>(world_.size);
  for (std::size_t begin = 0; begin < segments; begin += workers_.batch()) {
    const std::size_t n = std::min(workers_.batch(), segments - begin);
    const std::vector<Frame> frames = receive(run, n);
    workers_.for_each(run, n, [&](Run& part, Coder& coder, std::size_t i, int thread) {
      const Slice& slice = own().segments[begin + i];
      for (int rank = 0; rank < world_.size; ++rank) {
        if (rank == world_.rank) {
          add_own(part, slice, place_of(rank, thread));
        } else {
          const Frame& frame = frames[i * ranks + static_cast<std::size_t>(rank)];
          coder.decode(part, slice, frame, call_.dtype, place_of(rank, thread));
        }
      }
      void* sum = sums_[static_cast<std::size_t>(thread)].data();
      if (robust_) robust_->run(part, sum, own().largest_segment(), slice.count());
      visit(part, coder, begin + i, sum);
    });
    after(begin, begin + n);
  }
}

/// Where the values of a rank go: a row of their own, or all to the sum.
Output ReducePhase::place_of(int rank, int thread) const {
  const DType accumulator = accumulator_of(call_.dtype);
  const std::uint64_t row = robust_ ? static_cast<std::uint64_t>(rank) : 0;
  void* sums = sums_[static_cast<std::size_t>(thread)].data();
  return {.data = element(sums, accumulator, row * own().largest_segment()),
          .dtype = accumulator,
          .add = !robust_ && rank > 0};
}

void ReducePhase::add_own(Run& run, const Slice& slice, const Output& output) const {
  const void* residual = robust_ ? nullptr : run.residual_in;
  transfer_checked(run, {.input = element(run.input, call_.dtype, slice.begin),
                         .dtype = call_.dtype,
                         .residual = element(residual, accumulator_of(call_.dtype), slice.begin),
                         .count = slice.count(),
                         .output = output});
}

}  // namespace skimp
