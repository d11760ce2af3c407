#include "collectives/mix/neighbours.h"

#include <algorithm>
#include <vector>

#include "collectives/mix/move.h"
#include "collectives/stopwatch.h"
#include "collectives/workers.h"
#include "device/library.h"

namespace skimp {
namespace {

/// Values of one segment, in the accumulator's type, of one thread.
struct Scratch {
  Scratch(std::uint64_t count, DType accumulator, int device)
      : own(count * bytes_of(accumulator), device),
        theirs(count * bytes_of(accumulator), device),
        difference(count * bytes_of(accumulator), device),
        lost(count * bytes_of(accumulator), device),
        broken(count, device) {}

  PlacedMemory own, theirs, difference, lost, broken;
};

/// The three vectors of a state, from element `begin` on; none of null.
template <class Void>
Move::State<Void> state_of(Void* state, DType accumulator, std::uint64_t count,
                           std::uint64_t begin) {
  return {element(state, accumulator, begin), element(state, accumulator, begin + count),
          element(state, accumulator, begin + 2 * count)};
}

Shard whole_of(const Call& call, const World& world) {
  return make_shards(call.codec, {0, call.count}, call.codec->block(), world.segment).front();
}

class Neighbours final : public Runner {
 public:
  Neighbours(const Call& call, const World& world)
      : call_(call),
        world_(world),
        accumulator_(accumulator_of(call.dtype)),
        edges_(call.graph->edges(world.rank)),
        whole_(whole_of(call, world)),
        headers_(whole_.segments.size()),
        workers_(call, world),
        outgoing_(whole_, call.dtype, payload_place(call, world)) {
    for (std::size_t e = 0; e < edges_.size(); ++e) {
      incoming_.emplace_back(whole_, call.dtype, payload_place(call, world));
    }
    for (int thread = 0; thread < workers_.threads(); ++thread) {
      scratch_.emplace_back(whole_.largest_segment(), accumulator_, call.device);
    }
  }

  void run(Run& run) override {
    for (std::size_t e = 0; e < edges_.size(); ++e) {
      for (std::size_t s = 0; s < whole_.segments.size(); ++s) {
        run.messenger.expect(edges_[e].peer, run.first_round, incoming_[e][s]);
      }
    }
    in_batches([&](std::size_t begin, std::size_t n) { send(run, begin, n); });
    in_batches([&](std::size_t begin, std::size_t n) { move(run, begin, n); });
  }

 private:
  template <class Body>
  void in_batches(const Body& body) {
    const std::size_t segments = whole_.segments.size();
    for (std::size_t begin = 0; begin < segments; begin += workers_.batch()) {
      body(begin, std::min(workers_.batch(), segments - begin));
    }
  }

  void send(Run& run, std::size_t begin, std::size_t n) {
    const Coder::Values values{
        .values = run.input, .dtype = call_.dtype, .residual_in = run.residual_in};
    workers_.for_each(run, n, [&](Run& part, Coder& coder, std::size_t i, int) {
      const std::size_t s = begin + i;
      coder.encode(part, whole_.segments[s], values, lane_of(0, world_.rank), outgoing_[s],
                   headers_[s]);
    });
    for (std::size_t s = begin; s < begin + n; ++s) {
      headers_[s] = run.messenger.stamp(headers_[s], run.first_round, payload(s));
      for (const Graph::Edge& edge : edges_) {
        run.messenger.send(edge.peer, headers_[s], payload(s));
      }
    }
    run.messenger.poll();
  }

  void move(Run& run, std::size_t begin, std::size_t n) {
    std::vector<Frame> frames;
    for (std::size_t s = begin; s < begin + n; ++s) {
      for (const Graph::Edge& edge : edges_) frames.push_back(run.messenger.receive(edge.peer));
    }
    workers_.for_each(run, n, [&](Run& part, Coder& coder, std::size_t i, int thread) {
      const Slice& slice = whole_.segments[begin + i];
      const Move job = move_of(run, slice, scratch_[static_cast<std::size_t>(thread)]);
      const Frame own{headers_[begin + i], payload(begin + i)};
      coder.decode(part, slice, own, call_.dtype, {.data = job.own, .dtype = accumulator_});
      take_own(part, job);
      for (std::size_t e = 0; e < edges_.size(); ++e) {
        coder.decode(part, slice, frames[i * edges_.size() + e], call_.dtype,
                     {.data = job.theirs, .dtype = accumulator_});
        take_edge(part, job, edges_[e].weight);
      }
      finish(part, job);
    });
  }

  Move move_of(const Run& run, const Slice& slice, const Scratch& scratch) const {
    const auto state = [&](auto* values) {
      return state_of(values, accumulator_, call_.count, slice.begin);
    };
    Move move;
    move.input = element(run.input, call_.dtype, slice.begin);
    move.output = element(run.output, call_.dtype, slice.begin);
    move.dtype = call_.dtype;
    move.count = slice.count();
    move.step_size = call_.step_size;
    move.before = state(run.residual_in);
    move.after = state(run.residual_out);
    move.own = scratch.own.data();
    move.theirs = scratch.theirs.data();
    move.difference = scratch.difference.data();
    move.lost = scratch.lost.data();
    move.broken = scratch.broken.data();
    return move;
  }

  void take_own(Run& run, const Move& move) const {
    const Stopwatch stopwatch(run.codec_seconds);
    if (run.queue == nullptr) return begin_move(move);
    SKIMP_ON_DEVICE(skimp_cuda_mix_begin, run.queue->stream(), move);
  }

  void take_edge(Run& run, const Move& move, double weight) const {
    const Stopwatch stopwatch(run.codec_seconds);
    if (run.queue == nullptr) return add_edge(move, weight);
    SKIMP_ON_DEVICE(skimp_cuda_mix_edge, run.queue->stream(), move, weight);
  }

  void finish(Run& run, const Move& move) const {
    const Stopwatch stopwatch(run.codec_seconds);
    if (run.queue == nullptr) return finish_move(move);
    SKIMP_ON_DEVICE(skimp_cuda_mix_finish, run.queue->stream(), move);
  }

  Bytes payload(std::size_t s) const { return outgoing_[s].first(headers_[s].payload_bytes); }

  Call call_;
  World world_;
  DType accumulator_;
  std::vector<Graph::Edge> edges_;
  Shard whole_;
  std::vector<FrameHeader> headers_;  ///< of what this rank sends, by segment
  Workers workers_;
  PayloadRoom outgoing_;
  std::vector<PayloadRoom> incoming_;  ///< by edge
  std::vector<Scratch> scratch_;       ///< by thread
};

std::string refuses_lossy(const Call& call, const World&) {
  if (call.codec->id() == CodecId::identity) return "";
  return "keeps no state and cannot run " + call.codec->text();
}

std::string refuses_all_but_contractions(const Call& call, const World&) {
  if (call.codec->id() == CodecId::identity) return "has nothing to remember for identity";
  if (call.codec->traits().contraction) return "";
  return "needs a contraction, which " + call.codec->text() + " is not";
}

Cost cost(const Call& call, const World& world) {
  if (call.count == 0) return {};
  const std::uint64_t edges = call.graph->edges(world.rank).size();
  return {edges * whole_of(call, world).frame_bytes(call.dtype), 1};
}

}  // namespace

const Algorithm mix_plain = {"plain", SKIMP_MIX, refuses_lossy, cost, make_runner<Neighbours>};
const Algorithm mix_choco = {"choco", SKIMP_MIX, refuses_all_but_contractions, cost,
                             make_runner<Neighbours>};

}  // namespace skimp
