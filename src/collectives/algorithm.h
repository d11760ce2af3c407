/// \file
/// An algorithm is a row of one table: what it is called, what it can run, what it costs, and how
/// it is made ready for one plan. docs/algorithms.md has the table for people.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "collectives/call.h"
#include "collectives/messenger.h"

namespace skimp {

class DeviceQueue;

/// One execution of a plan.
struct Run {
  Messenger& messenger;
  const void* input = nullptr;
  void* output = nullptr;
  const void* residual_in = nullptr;  ///< both null without error feedback
  void* residual_out = nullptr;
  const void* memory_in = nullptr;  ///< the codec's, see Codec::memory_count; null: none yet
  void* memory_out = nullptr;
  DeviceQueue* queue = nullptr;  ///< does the work where the values lie; null: this is the host
  std::uint32_t call = 0;        ///< for random numbers: the residual's step, or the call's number
  int first_round = 0;           ///< of an algorithm that runs inside another
  bool nonfinite = false;        ///< set when a value here or in a received frame was NaN or Inf
  std::uint64_t guess_hits = 0;  ///< encodes that guessed well (see Guess)
  std::uint64_t guess_misses = 0;
  double codec_seconds = 0;  ///< spent encoding, adding and decoding, by all threads

  Run without_counts() const {
    Run part = *this;
    part.nonfinite = false;
    part.guess_hits = part.guess_misses = 0;
    part.codec_seconds = 0;
    return part;
  }
  void add_counts(const Run& part) {
    nonfinite |= part.nonfinite;
    guess_hits += part.guess_hits;
    guess_misses += part.guess_misses;
    codec_seconds += part.codec_seconds;
  }
};

/// An algorithm made ready: its shards and codecs are fixed, its workspace is allocated.
class Runner {
 public:
  virtual ~Runner() = default;
  virtual void run(Run& run) = 0;

  /// Whether ranks are to begin with the same memory of the codec.
  virtual bool begins_with_memory() const { return false; }
};

/// What a rank sends, by formula. Headers are counted. A bound where sizes depend on the data.
struct Cost {
  std::uint64_t bytes_sent = 0;
  std::uint64_t rounds = 0;  ///< exchanges of which each needs the one before
};

struct Algorithm {
  const char* name;
  skimp_collective collective;
  /// Why it cannot run this call; "" when it can.
  std::string (*refuses)(const Call&, const World&);
  Cost (*cost)(const Call&, const World&);
  std::unique_ptr<Runner> (*make)(const Call&, const World&);
  /// Whether it looks into payloads on the host: those of arrays on a device go by its memory then,
  /// even where there is a link for them.
  bool reads_payloads = false;
};

/// \name Entries that many rows share
/// @{
template <class ItsRunner>
std::unique_ptr<Runner> make_runner(const Call& call, const World& world) {
  return std::make_unique<ItsRunner>(call, world);
}
inline std::string refuses_nothing(const Call&, const World&) { return ""; }
/// @}

/// The row called `name`, or the one that Skimp chooses when name is empty. Throws InvalidArgument
/// when there is none or it refuses the call. The choice depends on nothing that differs by rank.
const Algorithm& find_algorithm(std::string_view name, const Call& call, const World& world);

/// What the dense way of the same call costs, for comparison.
Cost dense_cost(Call call, const World& world);

}  // namespace skimp
