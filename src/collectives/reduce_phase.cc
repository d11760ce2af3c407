#include "collectives/reduce_phase.h"

#include <algorithm>
#include <utility>

#include "collectives/place.h"

namespace skimp {
namespace {

/// Whether received entries are so few that lists of them take less room than a dense sum.
bool are_few(const Call& call, const World& world, const Shard& own) {
  if (call.codec->entry_coding() == nullptr || own.segments.empty()) return false;
  const Slice& slice = own.segments.front();
  const std::uint64_t kept = slice.codec->kept(slice.count());
  return kept <= slice.count() / 4 / static_cast<std::uint64_t>(world.size);
}

bool can_add(const Codec* encoder, const Call& call) {
  return encoder != nullptr && encoder->takes_addends() && !is_robust(call.op) &&
         call.device == host_memory && accumulator_of(call.dtype) == call.dtype;
}

}  // namespace

ReducePhase::ReducePhase(const Call& call, const World& world, std::vector<Shard> shards,
                         const Codec* encoder)
    : ScatterPhase(call, world, std::move(shards)),
      leaves_sums_(can_add(encoder, call) && are_few(call, world, own())),
      workspaces_(static_cast<std::size_t>(workers_.threads())) {
  if (is_robust(call.op)) robust_.emplace(call, world.size);
  const std::uint64_t rows = robust_ ? static_cast<std::uint64_t>(world.size) : 1;
  for (Workspace& workspace : workspaces_) {
    workspace.sum = PlacedMemory(
        rows * own().largest_segment() * bytes_of(accumulator_of(call.dtype)), call.device);
    workspace.entries.resize(static_cast<std::size_t>(world.size));
  }
}

void ReducePhase::for_each_sum(Run& run, const Visit& visit,
                               const std::function<void(std::size_t, std::size_t)>& after) {
  const std::size_t segments = own().segments.size();
  const auto ranks = static_cast<std::size_t>(world_.size);
  const bool leaves_sums = leaves_sums_ && run.residual_out != nullptr;
  for (std::size_t begin = 0; begin < segments; begin += workers_.batch()) {
    const std::size_t n = std::min(workers_.batch(), segments - begin);
    const std::vector<Frame> frames = receive(run, n);
    workers_.for_each(run, n, [&](Run& part, Coder& coder, std::size_t i, int thread) {
      const Slice& slice = own().segments[begin + i];
      const Frame* received = &frames[i * ranks];
      Workspace& workspace = workspaces_[static_cast<std::size_t>(thread)];
      visit(part, coder, begin + i,
            leaves_sums ? leave(part, slice, received, workspace)
                        : add(part, coder, slice, received, workspace));
    });
    after(begin, begin + n);
  }
}

Coder::Values ReducePhase::add(Run& run, Coder& coder, const Slice& slice, const Frame* frames,
                               Workspace& workspace) const {
  void* sum = workspace.sum.data();
  for (int rank = 0; rank < world_.size; ++rank) {
    if (rank == world_.rank) {
      add_own(run, slice, place_of(rank, sum));
    } else {
      coder.decode(run, slice, frames[rank], call_.dtype, place_of(rank, sum));
    }
  }
  if (robust_) robust_->run(run, sum, own().largest_segment(), slice.count());
  return {.values = sum,
          .dtype = accumulator_of(call_.dtype),
          .residual_in = robust_ ? run.residual_in : nullptr,
          .first = slice.begin};
}

/// Reads entries only: who encodes the sum adds them to this rank's own values.
Coder::Values ReducePhase::leave(Run& run, const Slice& slice, const Frame* frames,
                                 Workspace& workspace) const {
  workspace.lists.clear();
  for (int rank = 0; rank < world_.size; ++rank) {
    if (rank == world_.rank) continue;
    workspace.lists.push_back(Coder::read_entries(
        run, slice, frames[rank], call_.dtype, workspace.entries[static_cast<std::size_t>(rank)]));
  }
  workspace.addends = {workspace.lists, static_cast<std::size_t>(world_.rank)};
  return {.values = run.input,
          .dtype = call_.dtype,
          .residual_in = run.residual_in,
          .addends = &workspace.addends};
}

/// Where the values of a rank go: a row of their own, or all to the sum.
Output ReducePhase::place_of(int rank, void* sum) const {
  const DType accumulator = accumulator_of(call_.dtype);
  const std::uint64_t row = robust_ ? static_cast<std::uint64_t>(rank) : 0;
  return {.data = element(sum, accumulator, row * own().largest_segment()),
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
