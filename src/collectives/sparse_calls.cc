#include "collectives/sparse_calls.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/float_environment.h"
#include "codecs/elements.h"
#include "codecs/registry.h"
#include "collectives/doubling_phase.h"
#include "collectives/stopwatch.h"

namespace skimp {
namespace {

/// What a call works with; it owns the memory that messages use.
template <class Value>
class SparseWork {
 public:
  SparseWork(const SparseArray& input, const World& world)
      : own_(std::get<Entries<Value>>(input.entries)),
        count_(input.count),
        world_(world),
        ranks_(static_cast<std::size_t>(world.size)),
        coding_(&exact_entry_coding(dtype_of_values<Value>)),
        leaving_(ranks_),
        arriving_(ranks_),
        doubling_(input.count, world, *coding_, *coding_) {}

  Entries<Value> allreduce_doubling(Run& run, skimp_report& report) {
    doubling_.prepare(trade_sizes(run, std::vector(ranks_, own_.size())));
    const Cost cost = doubling_.cost();
    report.predicted_bytes += cost.bytes_sent;
    report.rounds += cost.rounds;
    return doubling_.run(run, write(run, own_, count_, leaving_[0])).nonzeros();
  }

  Entries<Value> allreduce_gather(Run& run, skimp_report& report) {
    return sum_of(allgather(run, report), count_);
  }

  /// Every rank's entries.
  std::vector<Entries<Value>> allgather(Run& run, skimp_report& report) {
    const std::vector<std::uint64_t> sizes = trade_sizes(run, std::vector(ranks_, own_.size()));
    const Frame frame = write(run, own_, count_, leaving_[0]);
    return trade(run, std::vector(ranks_, frame), sizes, count_, report);
  }

  Entries<Value> reduce_scatter(Run& run, skimp_report& report) {
    const std::uint64_t share = count_ / ranks_;
    std::vector<Entries<Value>> parts(ranks_);
    for (std::uint64_t j = 0; j < own_.size(); ++j) {
      parts[own_.indices[j] / share].push(own_.indices[j] % share, own_.values[j]);
    }
    std::vector<std::uint64_t> sizes;
    for (const auto& part : parts) sizes.push_back(part.size());
    sizes = trade_sizes(run, sizes);
    std::vector<Frame> frames;
    for (std::size_t r = 0; r < ranks_; ++r) {
      frames.push_back(write(run, parts[r], share, leaving_[r]));
    }
    return sum_of(trade(run, frames, sizes, share, report), share);
  }

 private:
  Frame write(Run& run, const Entries<Value>& entries, std::uint64_t count, Buffer& payload) {
    const Stopwatch stopwatch(run.codec_seconds);
    run.nonfinite |= !all_finite(entries.values.data(), entries.size());
    const FrameHeader header = write_entries<Value>(run, *coding_, entries, count, payload);
    return {header, payload.span().first(header.payload_bytes)};
  }

  /// Tells rank r of sizes[r] entries; returns what each rank told this one.
  std::vector<std::uint64_t> trade_sizes(Run& run, std::vector<std::uint64_t> sizes) {
    FrameHeader header;
    header.codec = static_cast<std::uint8_t>(CodecId::topk);
    header.dtype = static_cast<std::uint8_t>(dtype_of_values<Value>);
    header.count = count_;
    for_each_peer([&](int peer) { run.messenger.expect(peer, run.first_round, {}); });
    for_each_peer([&](int peer) {
      header.parameter = coding_->parameter(sizes[static_cast<std::size_t>(peer)]);
      run.messenger.send(peer, run.messenger.stamp(header, run.first_round, {}), {});
    });
    for_each_peer([&](int peer) {
      const FrameHeader told = run.messenger.receive(peer).header;
      sizes[static_cast<std::size_t>(peer)] = coding_->entries_of(told.parameter, {}, count_);
    });
    ++run.first_round;
    return sizes;
  }

  /// Sends frames[r] to rank r; returns the entries that each rank sent to this one.
  std::vector<Entries<Value>> trade(Run& run, const std::vector<Frame>& frames,
                                    const std::vector<std::uint64_t>& sizes, std::uint64_t count,
                                    skimp_report& report) {
    for_each_peer([&](int peer) {
      const auto p = static_cast<std::size_t>(peer);
      arriving_[p].reserve(coding_->payload_bytes(sizes[p], count, dtype_of_values<Value>));
      run.messenger.expect(peer, run.first_round, arriving_[p].span());
    });
    for_each_peer([&](int peer) {
      const Frame& frame = frames[static_cast<std::size_t>(peer)];
      run.messenger.send(peer, run.messenger.stamp(frame.header, run.first_round, frame.payload),
                         frame.payload);
      report.predicted_bytes += header_bytes + frame.payload.size();
    });
    report.rounds += 1;
    std::vector<Entries<Value>> entries(ranks_);
    for (int rank = 0; rank < world_.size; ++rank) {
      const auto r = static_cast<std::size_t>(rank);
      const Frame frame = rank == world_.rank ? frames[r] : run.messenger.receive(rank);
      const Stopwatch stopwatch(run.codec_seconds);
      read_entries(run, frame, *coding_, count, sizes[r], entries[r]);
    }
    return entries;
  }

  /// In rank order.
  Entries<Value> sum_of(std::vector<Entries<Value>> parts, std::uint64_t count) const {
    PartialSum<Value> sum(count, *coding_);
    sum.assign() = std::move(parts[0]);
    for (std::size_t r = 1; r < ranks_; ++r) sum.add(parts[r]);
    return sum.nonzeros();
  }

  /// Each rank begins with its right neighbour, so that nobody is everybody's first.
  template <class Body>
  void for_each_peer(const Body& body) const {
    for (int step = 1; step < world_.size; ++step) body((world_.rank + step) % world_.size);
  }

  Entries<Value> own_;
  std::uint64_t count_;
  World world_;
  std::size_t ranks_;
  const EntryCoding* coding_;
  std::vector<Buffer> leaving_;
  std::vector<Buffer> arriving_;
  DoublingPhase<Value> doubling_;
};

std::string checked_algorithm(const SparseCall& call) {
  const bool reduces = call.collective == SKIMP_ALLREDUCE;
  const std::string by_default = reduces ? "sparse_doubling" : "direct";
  const std::string& name = call.algorithm;
  require(name.empty() || name == by_default || (reduces && name == "gather"),
          name_of(call.collective), " of a sparse array: algorithm '", name, "' is not ",
          by_default, reduces ? " or gather" : "");
  return name.empty() ? by_default : name;
}

void check(const SparseCall& call, const SparseArray& input, const World& world) {
  const auto ranks = static_cast<std::uint64_t>(world.size);
  require(input.count <= largest_count / ranks, name_of(call.collective),
          " of a sparse array: count = ", input.count, " exceeds ", largest_count / ranks);
  require(call.collective != SKIMP_REDUCE_SCATTER || input.count % ranks == 0,
          "reduce_scatter of a sparse array: cannot deal ", input.count, " elements to ", ranks,
          " ranks evenly");
}

template <class Value>
std::vector<Entries<Value>> run_work(SparseWork<Value>& work, Run& run, const SparseCall& call,
                                     const std::string& algorithm, skimp_report& report) {
  std::vector<Entries<Value>> results;
  switch (call.collective) {
    case SKIMP_ALLGATHER: return work.allgather(run, report);
    case SKIMP_REDUCE_SCATTER: results.push_back(work.reduce_scatter(run, report)); break;
    default:
      results.push_back(algorithm == "gather" ? work.allreduce_gather(run, report)
                                              : work.allreduce_doubling(run, report));
  }
  return results;
}

template <class Value>
std::vector<SparseArray> run_as(const std::shared_ptr<Communicator>& communicator,
                                const SparseCall& call, const SparseArray& input,
                                skimp_report& report) {
  const World world = communicator->world();
  const auto ranks = static_cast<std::uint64_t>(world.size);
  const std::string algorithm = checked_algorithm(call);
  std::string words = text(name_of(call.collective), "_sparse count=", input.count,
                           " dtype=", name_of(input.dtype));
  if (call.collective != SKIMP_ALLGATHER) {
    words += call.op == SKIMP_MEAN ? " op=mean" : " op=sum";
  }
  words += text(" algorithm=", algorithm, " world_size=", world.size);
  std::strncpy(report.algorithm, algorithm.c_str(), sizeof report.algorithm - 1);

  const auto work = std::make_shared<SparseWork<Value>>(input, world);
  std::vector<Entries<Value>> results(call.collective == SKIMP_ALLGATHER ? ranks : 1);
  communicator->call(words, false, work, [&](Messenger& messenger) {
    if (input.count == 0) return;
    Run run{.messenger = messenger};
    if (world.size > 1) {
      report.predicted_bytes = (ranks - 1) * header_bytes;
      report.rounds = 1;
    }
    results = run_work(*work, run, call, algorithm, report);
    messenger.finish();
    const Traffic& traffic = messenger.traffic();
    report.bytes_sent = traffic.bytes_sent;
    report.bytes_received = traffic.bytes_received;
    report.messages_sent = traffic.messages_sent;
    report.wait_seconds = traffic.wait_seconds;
    report.encode_seconds = run.codec_seconds;
    report.nonfinite = run.nonfinite ? 1 : 0;
  });

  const bool divided = call.op == SKIMP_MEAN && call.collective != SKIMP_ALLGATHER;
  const std::uint64_t count =
      call.collective == SKIMP_REDUCE_SCATTER ? input.count / ranks : input.count;
  std::vector<SparseArray> arrays;
  for (Entries<Value>& entries : results) {
    if (divided) {
      for (Value& value : entries.values) value /= static_cast<Value>(world.size);
    }
    arrays.push_back({count, input.dtype, std::move(entries)});
  }
  return arrays;
}

}  // namespace

std::vector<SparseArray> run_sparse(const std::shared_ptr<Communicator>& communicator,
                                    const SparseCall& call, const SparseArray& input,
                                    skimp_report& report) {
  const FloatEnvironment float_environment;
  const World world = communicator->world();
  check(call, input, world);
  report = {};
  report.report_bytes = sizeof report;
  report.count = input.count;
  report.input_bytes = input.count * bytes_of(input.dtype);
  Call dense;
  dense.collective = call.collective;
  dense.count = input.count;
  dense.dtype = input.dtype;
  report.dense_bytes = world.size == 1 ? 0 : dense_cost(dense, world).bytes_sent;
  const Stopwatch stopwatch(report.seconds);
  return visit_accumulator(input.dtype, [&](auto value) {
    return run_as<decltype(value)>(communicator, call, input, report);
  });
}

}  // namespace skimp
