#include "collectives/reduce_phase.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "collectives/place.h"

namespace skimp {
namespace {

/// Whether a sum is formed for its encoder alone, on the host: it may be left to it, or be formed
/// by parts.
bool is_for_encoder(const Call& call, const Codec* encoder) {
  return encoder != nullptr && !is_robust(call.op) && call.device == host_memory;
}

/// Whether received entries are so few that lists of them take less room than a dense sum.
bool are_few(const Call& call, const World& world, const Shard& own) {
  if (call.codec->entry_coding() == nullptr || own.segments.empty()) return false;
  const Slice& slice = own.segments.front();
  const std::uint64_t kept = slice.codec->kept(slice.count());
  return kept <= slice.count() / 4 / static_cast<std::uint64_t>(world.size);
}

bool leaves_sums(const Call& call, const World& world, const Shard& own, const Codec* encoder) {
  return is_for_encoder(call, encoder) && encoder->takes_addends() &&
         accumulator_of(call.dtype) == call.dtype && are_few(call, world, own);
}

/// Elements of a part: with the sum of one and what is read and written beside it, half of a small
/// second-level cache.
constexpr std::uint64_t part_elements = 1 << 15;

/// Elements of the parts that segments are added in: whole blocks of both codecs.
std::uint64_t most_added(const Call& call, const Shard& own, const Codec* encoder) {
  const std::uint64_t all = own.largest_segment();
  if (!is_for_encoder(call, encoder)) return all;
  if (!call.codec->has_parts() || !encoder->has_parts()) return all;
  const std::uint64_t blocks = std::lcm(call.codec->block(), encoder->block());
  return std::min(all, divide_up(part_elements, blocks) * blocks);
}

}  // namespace

ReducePhase::ReducePhase(const Call& call, const World& world, std::vector<Shard> shards,
                         const Codec* encoder)
    : ScatterPhase(call, world, std::move(shards)),
      leaves_sums_(leaves_sums(call, world, own(), encoder)),
      most_added_(most_added(call, own(), encoder)),
      workspaces_(static_cast<std::size_t>(workers_.threads())) {
  if (is_robust(call.op)) robust_.emplace(call, world.size);
  const std::uint64_t rows = robust_ ? static_cast<std::uint64_t>(world.size) : 1;
  for (Workspace& workspace : workspaces_) {
    workspace.sum =
        PlacedMemory(rows * most_added_ * bytes_of(accumulator_of(call.dtype)), call.device);
    workspace.entries.resize(static_cast<std::size_t>(world.size));
  }
}

void ReducePhase::for_each_sum(Run& run, const Visit& visit,
                               const std::function<void(std::size_t, std::size_t)>& after) {
  const std::size_t segments = own().segments.size();
  const auto ranks = static_cast<std::size_t>(world_.size);
  const bool leave_sums = leaves_sums_ && run.residual_out != nullptr;
  for (std::size_t begin = 0; begin < segments; begin += workers_.batch()) {
    const std::size_t n = std::min(workers_.batch(), segments - begin);
    const std::vector<Frame> frames = receive(run, n);
    workers_.for_each(run, n, [&](Run& run_of_thread, Coder& coder, std::size_t i, int thread) {
      const Slice& slice = own().segments[begin + i];
      const Frame* received = &frames[i * ranks];
      Workspace& workspace = workspaces_[static_cast<std::size_t>(thread)];
      if (leave_sums) {
        return visit(run_of_thread, coder, begin + i, slice.all(),
                     leave(run_of_thread, slice, received, workspace));
      }
      for (std::uint64_t at = 0; at < slice.count(); at += most_added_) {
        const Part part{at, std::min(most_added_, slice.count() - at), slice.count()};
        visit(run_of_thread, coder, begin + i, part,
              add(run_of_thread, coder, slice, part, received, workspace));
      }
    });
    release(run, frames);
    after(begin, begin + n);
  }
}

Coder::Values ReducePhase::add(Run& run, Coder& coder, const Slice& slice, const Part& part,
                               const Frame* frames, Workspace& workspace) const {
  void* sum = workspace.sum.data();
  const std::uint64_t begin = slice.begin + part.begin;
  for (int rank = 0; rank < world_.size; ++rank) {
    if (rank == world_.rank) {
      add_own(run, begin, part.count, place_of(rank, sum));
    } else {
      coder.decode(run, slice, part, frames[rank], call_.dtype, place_of(rank, sum));
    }
  }
  if (robust_) robust_->run(run, sum, most_added_, part.count);
  return {.values = sum,
          .dtype = accumulator_of(call_.dtype),
          .residual_in = robust_ ? run.residual_in : nullptr,
          .first = begin};
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
  return {.data = element(sum, accumulator, row * most_added_),
          .dtype = accumulator,
          .add = !robust_ && rank > 0};
}

void ReducePhase::add_own(Run& run, std::uint64_t begin, std::uint64_t count,
                          const Output& output) const {
  const void* residual = robust_ ? nullptr : run.residual_in;
  transfer_checked(run, {.input = element(run.input, call_.dtype, begin),
                         .dtype = call_.dtype,
                         .residual = element(residual, accumulator_of(call_.dtype), begin),
                         .count = count,
                         .output = output});
}

}  // namespace skimp
