#include "collectives/mix/neighbours.h"

#include <algorithm>
#include <vector>

#include "base/isa.h"
#include "codecs/elements.h"
#include "collectives/stopwatch.h"
#include "collectives/workers.h"

namespace skimp {
namespace {

/// Values of one segment, in the accumulator's type, of one thread.
struct Scratch {
  Scratch(std::uint64_t count, DType accumulator)
      : own(count * bytes_of(accumulator)),
        theirs(count * bytes_of(accumulator)),
        difference(count * bytes_of(accumulator)),
        lost(count * bytes_of(accumulator)),
        broken(count) {}

  Buffer own;         ///< qᵢ, zero where it was not finite
  Buffer theirs;      ///< qⱼ
  Buffer difference;  ///< dᵢ
  Buffer lost;        ///< eᵢ
  Buffer broken;      ///< a byte an element: 1 where some q was not finite
};

/// The three vectors of the state, from element `begin` on.
template <class Value>
struct State {
  template <class Void>
  State(Void* state, std::uint64_t count, std::uint64_t begin)
      : minus_copy(static_cast<Value*>(state) + begin),
        difference(minus_copy + count),
        lost(difference + count) {}

  Value* minus_copy;  ///< mᵢ
  Value* difference;  ///< dᵢ
  Value* lost;        ///< eᵢ
};

/// `received` with zeros for what is not finite, which is noted.
template <class Value>
Value take(Value received, std::byte& broken) {
  const bool finite = is_finite(received);
  broken |= static_cast<std::byte>(!finite);
  return finite ? received : Value{0};
}

template <class Value>
Value finite_or_zero(Value value) {
  return is_finite(value) ? value : Value{0};
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
      scratch_.emplace_back(whole_.largest_segment(), accumulator_);
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
      Scratch& scratch = scratch_[static_cast<std::size_t>(thread)];
      visit_accumulator(call_.dtype, [&](auto value) {
        using Value = decltype(value);
        begin_segment<Value>(part, coder, begin + i, scratch);
        for (std::size_t e = 0; e < edges_.size(); ++e) {
          const Frame& frame = frames[i * edges_.size() + e];
          add_edge<Value>(part, coder, begin + i, frame, edges_[e].weight, scratch);
        }
        finish_segment<Value>(part, begin + i, scratch);
      });
    });
  }

  /// Reads what this rank sent as its neighbours do, and the state.
  template <class Value>
  void begin_segment(Run& run, Coder& coder, std::size_t s, Scratch& scratch) {
    const Slice& slice = whole_.segments[s];
    const std::uint64_t n = slice.count();
    coder.decode(run, slice, {headers_[s], payload(s)}, call_.dtype,
                 {.data = scratch.own.data(), .dtype = accumulator_});
    const Stopwatch stopwatch(run.codec_seconds);
    auto* __restrict own = scratch.own.as<Value>();
    std::byte* __restrict broken = scratch.broken.data();
    std::fill_n(broken, n, std::byte{0});
    on_isa([&](auto) {
      for (std::uint64_t i = 0; i < n; ++i) own[i] = take(own[i], broken[i]);
    });
    if (run.residual_in == nullptr) {
      std::fill_n(scratch.difference.as<Value>(), n, Value{0});
      std::fill_n(scratch.lost.as<Value>(), n, Value{0});
    } else {
      const State<const Value> state(run.residual_in, call_.count, slice.begin);
      std::copy_n(state.difference, n, scratch.difference.as<Value>());
      std::copy_n(state.lost, n, scratch.lost.as<Value>());
    }
  }

  /// dᵢ += wᵢⱼ·(qⱼ − qᵢ).
  template <class Value>
  void add_edge(Run& run, Coder& coder, std::size_t s, const Frame& frame, double edge_weight,
                Scratch& scratch) {
    const Slice& slice = whole_.segments[s];
    coder.decode(run, slice, frame, call_.dtype,
                 {.data = scratch.theirs.data(), .dtype = accumulator_});
    const Stopwatch stopwatch(run.codec_seconds);
    const auto weight = static_cast<Value>(edge_weight);
    const auto* __restrict own = scratch.own.as<Value>();
    const auto* __restrict theirs = scratch.theirs.as<Value>();
    auto* __restrict difference = scratch.difference.as<Value>();
    auto* __restrict lost = scratch.lost.as<Value>();
    std::byte* __restrict broken = scratch.broken.data();
    on_isa([&](auto) {
      for (std::uint64_t i = 0; i < slice.count(); ++i) {
        const Value term = weight * (take(theirs[i], broken[i]) - own[i]);
        const Value sum = difference[i] + term, back = sum - difference[i];
        lost[i] += (difference[i] - (sum - back)) + (term - back);
        difference[i] = sum;
      }
    });
  }

  /// Writes the output, and the new state where there is one. A sum that overflowed is shown in the
  /// output and is zero in the state, so that it does not live on.
  template <class Value>
  void finish_segment(Run& run, std::size_t s, Scratch& scratch) {
    const Stopwatch stopwatch(run.codec_seconds);
    const Slice& slice = whole_.segments[s];
    const auto step = static_cast<Value>(call_.step_size);
    const auto* own = scratch.own.as<Value>();
    auto* __restrict difference = scratch.difference.as<Value>();
    auto* __restrict lost = scratch.lost.as<Value>();
    const std::byte* broken = scratch.broken.data();
    on_isa([&](auto) {
      for (std::uint64_t i = 0; i < slice.count(); ++i) {
        const Value sum = difference[i] + lost[i];
        lost[i] -= sum - difference[i];
        difference[i] = sum;
      }
      const Source<Value> input(element(run.input, call_.dtype, slice.begin), call_.dtype);
      const Sink<Value> output({element(run.output, call_.dtype, slice.begin), call_.dtype});
      alignas(64) Value tile[tile_elements];
      for_each_tile(input, slice.count(), [&](std::uint64_t at, std::uint64_t n, const Value* x) {
        for (std::uint64_t i = 0; i < n; ++i) {
          const Value moved = x[i] + step * difference[at + i];
          tile[i] = broken[at + i] == std::byte{0} ? moved : canonical_nan<Value>();
        }
        output.put(at, n, tile);
      });
      if (run.residual_out == nullptr) return;
      const State<const Value> before(run.residual_in, call_.count, slice.begin);
      const State<Value> after(run.residual_out, call_.count, slice.begin);
      for (std::uint64_t i = 0; i < slice.count(); ++i) {
        after.minus_copy[i] = finite_or_zero(before.minus_copy[i] - own[i]);
        after.difference[i] = finite_or_zero(difference[i]);
        after.lost[i] = finite_or_zero(lost[i]);
      }
    });
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
