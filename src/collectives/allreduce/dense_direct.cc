#include "collectives/allreduce/dense_direct.h"

#include <optional>

#include "base/checksum.h"
#include "base/isa.h"
#include "codecs/elements.h"
#include "collectives/dense_values.h"
#include "collectives/device_queue.h"
#include "collectives/place.h"
#include "collectives/stopwatch.h"

namespace skimp {
namespace {

/// Segments that a rank sends before it adds up the first of its own. So few of the others' lie
/// here at a time that they mostly stay in the cache until they are added; with fewer, or shorter
/// ones, ranks that share a core wait for one another's time slices.
constexpr std::size_t default_lead = 3;

/// The same on all ranks, wherever their arrays lie, since the order of frames follows from it.
/// Between devices a round's payloads go as one group: there all are sent first.
std::size_t lead_of(const Call& call, const World& world, const std::vector<Shard>& shards) {
  return payload_place(call, world).stays ? most_segments(shards) : default_lead;
}

/// Elements that are added at a time: so few lines of each part that they are asked for while those
/// before them are added.
constexpr std::uint64_t added_at_once = 256;

/// Sets sums[i] to a[i] + b[i]; `sums` may be `a`. Returns whether all are finite.
template <class Value>
bool add(const Value* a, const Value* __restrict b, std::uint64_t n, Value* sums) {
  using Signed = std::make_signed_t<BitsOf<Value>>;
  Signed largest = 0;
#pragma GCC ivdep
  for (std::uint64_t i = 0; i < n; ++i) {
    const Value sum = a[i] + b[i];
    sums[i] = sum;
    largest = std::max(largest, static_cast<Signed>(magnitude_bits(sum)));
  }
  return is_finite(std::bit_cast<Value>(largest));
}

std::vector<Shard> shards_of(const Call& call, const World& world) {
  return make_shards(call.codec, make_borders(call.count, world.size, dense_block), dense_block,
                     world.segment);
}

class DenseDirect final : public Runner {
 public:
  DenseDirect(const Call& call, const World& world)
      : call_(call),
        world_(world),
        shards_(shards_of(call, world)),
        values_(call),
        inputs_(call.dtype, call.count, payload_place(call, world)),
        outputs_(call.dtype, call.count, payload_place(call, world)),
        lead_(lead_of(call, world, shards_)),
        received_(shards_.size()),
        frames_(shards_.size()) {
    if (call.device != host_memory) {
      addend_ = PlacedMemory(own().largest_segment() * bytes_of(call.dtype), call.device);
      sum_ = PlacedMemory(own().largest_segment() * bytes_of(accumulator()), call.device);
    }
    Shard slots = own();
    if (slots.segments.size() > lead_ + 1) slots.segments.resize(lead_ + 1);
    for (std::size_t peer = 0; peer < shards_.size(); ++peer) {
      if (peer != static_cast<std::size_t>(world.rank)) {
        received_[peer] = PayloadRoom(slots, call.dtype, payload_place(call, world));
      }
    }
  }

  void run(Run& run) override {
    const void* values = values_.prepare(run);
    for (int peer = 0; peer < world_.size; ++peer) {
      if (peer == world_.rank) continue;
      inputs_.fetch(run, values, shard_of(peer).begin, shard_of(peer).count());
    }
    settle(run);
    expected_ = taken_ = 0;
    expect(run, lead_ + 1);
    for (std::size_t step = 0; step < steps(); ++step) {
      if (step >= lead_ && step - lead_ < own().segments.size()) {
        const std::size_t s = step - lead_;
        take(run, s + 1);
        if (run.queue == nullptr) {
          add_segments(run, values, s);
        } else {
          queue_segments(run, values, s);
        }
        expect(run, s + 1 + lead_ + 1);  // Only now is the slot read, on a device too.
      }
      send_segments(run, values, step);
    }
    take(run, steps());
  }

 private:
  const Shard& shard_of(int rank) const { return shards_[static_cast<std::size_t>(rank)]; }
  const Shard& own() const { return shard_of(world_.rank); }
  DType accumulator() const { return accumulator_of(call_.dtype); }

  /// Frames between two ranks keep their order: in each step comes the sum of the sender's segment
  /// of `lead_` steps before, and then a segment of the receiver's.
  std::size_t steps() const { return lead_ + most_segments(shards_); }

  template <class Sum, class Segment>
  void visit_step(int peer, std::size_t step, Sum&& sum, Segment&& segment) const {
    if (step >= lead_ && step - lead_ < shard_of(peer).segments.size()) {
      sum(shard_of(peer).segments[step - lead_]);
    }
    if (step < own().segments.size()) segment(own().segments[step]);
  }

  MutableBytes received(int peer, std::size_t segment) const {
    const MutableBytes slot = received_[static_cast<std::size_t>(peer)][segment % (lead_ + 1)];
    return slot.first(own().segments[segment].payload_bytes(call_.dtype));
  }

  /// Expects the frames of steps up to `end`, and of later ones if no slot is needed for them. Sums
  /// are received where they belong: an owner sends one only when it has what was there.
  void expect(Run& run, std::size_t end) {
    const Messenger::Check check = check_to_take(run);
    if (end >= own().segments.size()) end = steps();
    for (int peer = 0; peer < world_.size; ++peer) {
      if (peer == world_.rank) continue;
      for (std::size_t step = expected_; step < end; ++step) {
        visit_step(
            peer, step,
            [&](const Slice& slice) {
              run.messenger.expect(peer, run.first_round + 1,
                                   outputs_.room(run.output, slice.begin, slice.count()), check);
            },
            [&](const Slice&) {
              run.messenger.expect(peer, run.first_round, received(peer, step), check);
            });
      }
    }
    expected_ = end;
  }

  /// Receives the frames of steps up to `end`.
  void take(Run& run, std::size_t end) {
    for (int peer = 0; peer < world_.size; ++peer) {
      if (peer == world_.rank) continue;
      for (std::size_t step = taken_; step < end; ++step) {
        visit_step(
            peer, step, [&](const Slice& slice) { take_sum(run, peer, slice); },
            [&](const Slice& slice) {
              frames_[static_cast<std::size_t>(peer)] = receive(run, peer, slice);
            });
      }
    }
    taken_ = end;
  }

  void send_segments(Run& run, const void* values, std::size_t s) {
    for (int step = 1; step < world_.size; ++step) {
      const int peer = (world_.rank + step) % world_.size;
      if (s >= shard_of(peer).segments.size()) continue;
      // Whether these are finite shows in the sum, which its owner looks at in any case.
      const Slice& slice = shard_of(peer).segments[s];
      const FrameHeader header = describe_values(call_, call_.dtype, slice.count(), false);
      const OutgoingValues out(run, inputs_.bytes(values, slice.begin, slice.count()), {&peer, 1});
      run.messenger.send(
          peer, stamp_values(run, header, run.first_round, out.payload, out.products), out.payload);
    }
    run.messenger.poll();
  }

  Frame receive(Run& run, int peer, const Slice& slice) {
    const Frame frame = run.messenger.receive(peer);
    check_values(run, frame, call_.dtype, slice.count());
    return frame;
  }

  void take_sum(Run& run, int peer, const Slice& slice) {
    const MutableBytes room = outputs_.room(run.output, slice.begin, slice.count());
    take_values(run, call_, peer, receive(run, peer, slice), room);
    outputs_.put(run, run.output, slice.begin, slice.count());
  }

  /// Adds tile by tile over all ranks, so that a sum stays in the cache until it is whole, and what
  /// comes and goes until it is checked. Sends the sum.
  void add_segments(Run& run, const void* values, std::size_t segment) {
    const Slice& slice = own().segments[segment];
    std::vector<Bytes> parts(shards_.size());
    for (std::size_t rank = 0; rank < parts.size(); ++rank) {
      parts[rank] = rank == static_cast<std::size_t>(world_.rank)
                        ? inputs_.bytes(values, slice.begin, slice.count())
                        : frames_[rank].payload;
    }
    const MutableBytes output = outputs_.room(run.output, slice.begin, slice.count());
    const MutableBytes sum = room_to_send(run, output, world_.others());
    std::vector<std::uint64_t> products(parts.size());
    std::uint64_t products_of_sum = 0;
    {
      const Stopwatch stopwatch(run.codec_seconds);
      on_isa([&](auto) {
        visit_accumulator(call_.dtype, [&](auto value) {
          products_of_sum = add_parts<decltype(value)>(run, parts, products, sum, output);
        });
      });
    }
    for (int peer = 0; peer < world_.size; ++peer) {
      if (peer == world_.rank) continue;
      const auto p = static_cast<std::size_t>(peer);
      check_payload_from(peer, frames_[p].header, products[p]);
      run.messenger.release(peer, frames_[p]);
    }
    send_sum(run, slice, sum, products_of_sum);
  }

  /// Writes the sum, and to the output, too, where it is to lie elsewhere. Sets the sum_of_products
  /// of every part but this rank's own, and returns that of the sum.
  template <class Value>
  std::uint64_t add_parts(Run& run, const std::vector<Bytes>& parts,
                          std::vector<std::uint64_t>& products, MutableBytes sum_bytes,
                          MutableBytes output) const {
    const std::uint64_t each = bytes_of(call_.dtype);
    const std::uint64_t count = sum_bytes.size() / each;
    const Sink<Value> sink(
        {.data = sum_bytes.data(), .dtype = call_.dtype, .divisor = divisor_of(call_, world_)});
    const bool copies = sum_bytes.data() != output.data();
    const bool streams = copies && is_streamed_to(call_, output);
    LineStream lines;
    alignas(64) Value sum[added_at_once];
    alignas(64) Value tile[added_at_once];
    std::uint64_t products_of_sum = 0;
    for (std::uint64_t at = 0; at < count; at += added_at_once) {
      const std::uint64_t n = std::min(added_at_once, count - at);
      const std::uint64_t group = at * each / 8;
      const Value* sum_so_far = nullptr;
      bool finite = true;
      for (std::size_t p = 0; p < parts.size(); ++p) {
        const Source<Value> source(parts[p].data(), call_.dtype);
        if (p == static_cast<std::size_t>(world_.rank)) {
          source.fetch(at, n);
        } else {
          products[p] += sum_of_products(parts[p].subspan(at * each, n * each), group);
        }
        const Value* values = source.view(at, n, p == 0 ? sum : tile);
        if (p > 0) finite = add(sum_so_far, values, n, sum);
        sum_so_far = p == 0 ? values : sum;
      }
      run.nonfinite |= !finite;
      sink.put(at, n, sum);
      const Bytes whole = sum_bytes.subspan(at * each, n * each);
      products_of_sum += sum_of_products(whole, group);
      if (streams) {
        lines.write(output.data() + at * each, whole.data(), whole.size());
      } else if (copies) {
        std::copy(whole.begin(), whole.end(), output.data() + at * each);
      }
    }
    if (streams) lines.end();
    return products_of_sum;
  }

  /// The same on a device, which adds a whole segment at a time.
  void queue_segments(Run& run, const void* values, std::size_t segment) {
    const Slice& slice = own().segments[segment];
    for (int rank = 0; rank < world_.size; ++rank) {
      const void* part = element(values, call_.dtype, slice.begin);
      if (rank != world_.rank) {
        const Bytes payload = received(rank, segment);
        run.queue->copy(addend_.data(), payload.data(), payload.size());
        part = addend_.data();
      }
      transfer_values(run,
                      {.input = part,
                       .dtype = call_.dtype,
                       .count = slice.count(),
                       .output = {.data = sum_.data(), .dtype = accumulator(), .add = rank > 0}});
    }
    transfer_checked(run, {.input = sum_.data(),
                           .dtype = accumulator(),
                           .count = slice.count(),
                           .output = {.data = element(run.output, call_.dtype, slice.begin),
                                      .dtype = call_.dtype,
                                      .divisor = divisor_of(call_, world_)}});
    outputs_.fetch(run, run.output, slice.begin, slice.count());
    settle(run);
    send_sum(run, slice, outputs_.bytes(run.output, slice.begin, slice.count()), {});
  }

  void send_sum(Run& run, const Slice& slice, Bytes payload,
                std::optional<std::uint64_t> products) {
    const FrameHeader header =
        stamp_values(run, describe_values(call_, call_.dtype, slice.count(), run.nonfinite),
                     run.first_round + 1, payload, products);
    for (int step = 1; step < world_.size; ++step) {
      run.messenger.send((world_.rank + step) % world_.size, header, payload);
    }
    run.messenger.poll();
  }

  Call call_;
  World world_;
  std::vector<Shard> shards_;
  DenseValues values_;
  MessageView inputs_;
  MessageView outputs_;
  PlacedMemory addend_;  ///< a received segment and the sum of one, on a device
  PlacedMemory sum_;
  std::size_t lead_;
  std::vector<PayloadRoom> received_;  ///< this rank's segments as the others have them, by rank
  std::vector<Frame> frames_;          ///< those that are added next, by rank
  std::size_t expected_ = 0;           ///< steps
  std::size_t taken_ = 0;
};

Cost cost(const Call& call, const World& world) {
  const auto shards = shards_of(call, world);
  std::uint64_t bytes = 0;
  for (int rank = 0; rank < world.size; ++rank) {
    const std::uint64_t frames = shards[static_cast<std::size_t>(rank)].frame_bytes(call.dtype);
    bytes += frames * (rank == world.rank ? static_cast<std::uint64_t>(world.size - 1) : 1);
  }
  return {bytes, 2};
}

}  // namespace

const Algorithm dense_direct = {"dense_direct", SKIMP_ALLREDUCE, refuses_unless_identity, cost,
                                make_runner<DenseDirect>};

}  // namespace skimp
