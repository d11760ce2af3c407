/// \file
/// A ladder: ways to do the same, from the obvious one upwards. Every rung must write what the
/// first one does, and then they are timed, in turns, so that a machine that slows down slows all.
///
///   ./ladder [--check] [BYTES …]
///
/// Prints a line a rung, separated by tabs: bytes, the rung, GB/s, times as fast as the first.
/// Exits with status 1 where a rung differs from the first. `--check` times nothing: speeds are 0.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "base/isa.h"

namespace skimp::bench {

struct Rung {
  const char* name;
  Isa needs;                         ///< Where the processor lacks it the rung is left out.
  std::function<std::size_t()> run;  ///< Returns how many elements of each output count.
};

/// Where rungs write to.
struct Output {
  template <class Values>
  explicit Output(Values& values)
      : bytes(std::as_writable_bytes(std::span(values))), bytes_each(sizeof values[0]) {}

  std::span<std::byte> bytes;
  std::size_t bytes_each;
};
using Outputs = std::vector<Output>;

inline std::vector<float> normal(std::size_t n, unsigned seed = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> values(n);
  for (float& value : values) value = distribution(random);
  return values;
}

/// Room for n values that begins where the library's residuals do (device/buffer.cc): a line, and
/// not at the same place within a huge page as another array.
class Lines {
 public:
  Lines(std::size_t n, std::size_t order)
      : begin_(order * (4096 + 1024) / sizeof(float)), room_(begin_ + n + 16) {}
  float* data() {
    float* place = room_.data() + begin_;
    while (reinterpret_cast<std::uintptr_t>(place) % 64 != 0) ++place;
    return place;
  }

 private:
  std::size_t begin_;
  std::vector<float> room_;
};

class Ladder {
 public:
  Ladder(int argc, char** argv) {
    for (const std::string_view argument : std::span(argv + 1, argv + argc)) {
      if (argument == "--check") {
        timed_ = false;
      } else {
        sizes_.push_back(std::strtoull(argument.data(), nullptr, 10));
      }
    }
    if (sizes_.empty()) sizes_ = {std::size_t{1} << 20, std::size_t{1} << 26};
  }

  /// What to climb with: one in the cache and one far out of it, unless asked for others.
  const std::vector<std::size_t>& sizes() const { return sizes_; }

  /// Checks and times the rungs. GB/s are of `bytes`.
  void climb(std::size_t bytes, const Outputs& outputs, std::vector<Rung> rungs) {
    std::erase_if(rungs, [](const Rung& rung) { return rung.needs > current_isa(); });
    const auto expected = outcome(rungs.front(), outputs);
    for (const Rung& rung : rungs) {
      if (outcome(rung, outputs) == expected) continue;
      std::fprintf(stderr, "%s differs from %s\n", rung.name, rungs.front().name);
      std::exit(1);
    }
    const Seconds seconds = timed_ ? take_turns(rungs) : Seconds(rungs.size());
    for (std::size_t i = 0; i < rungs.size(); ++i) {
      std::vector<double> speeds, speedups;
      for (std::size_t turn = 0; turn < seconds[i].size(); ++turn) {
        speeds.push_back(static_cast<double>(bytes) / seconds[i][turn] / 1e9);
        speedups.push_back(seconds[0][turn] / seconds[i][turn]);
      }
      std::printf("%zu\t%s\t%.4g\t%.4g\n", bytes, rungs[i].name, median(speeds), median(speedups));
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::vector<std::vector<double>>;  ///< By rung and turn.
  static constexpr int turns = 11;
  static constexpr double shortest_turn = 1e-3;

  /// What a rung leaves in the outputs, where it finds nothing that looks right.
  static std::vector<std::vector<std::byte>> outcome(const Rung& rung, const Outputs& outputs) {
    for (const Output& output : outputs) std::ranges::fill(output.bytes, std::byte{0xA5});
    const std::size_t elements = rung.run();
    std::vector<std::vector<std::byte>> found;
    for (const Output& output : outputs) {
      const auto counted = output.bytes.first(elements * output.bytes_each);
      found.emplace_back(counted.begin(), counted.end());
    }
    return found;
  }

  static Seconds take_turns(const std::vector<Rung>& rungs) {
    std::vector<int> calls;
    for (const Rung& rung : rungs) {
      calls.push_back(1 + static_cast<int>(shortest_turn / seconds_a_call(rung, 1)));
    }
    Seconds seconds(rungs.size());
    for (int turn = 0; turn < turns; ++turn) {
      for (std::size_t i = 0; i < rungs.size(); ++i) {
        seconds[i].push_back(seconds_a_call(rungs[i], calls[i]));
      }
    }
    return seconds;
  }

  static double seconds_a_call(const Rung& rung, int calls) {
    const auto start = Clock::now();
    for (int call = 0; call < calls; ++call) rung.run();
    return std::chrono::duration<double>(Clock::now() - start).count() / calls;
  }

  static double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::ranges::nth_element(values, values.begin() + static_cast<long>(values.size() / 2));
    return values[values.size() / 2];
  }

  std::vector<std::size_t> sizes_;
  bool timed_ = true;
};

/// Each as a name that is a value and a type.
inline constexpr IsaConstant<Isa::scalar> scalar;
inline constexpr IsaConstant<Isa::avx2> avx2;
inline constexpr IsaConstant<Isa::avx512> avx512;

/// Runs kernel(IsaConstant) compiled for `isa`, whichever is in use.
template <Isa isa, class Kernel>
auto compiled_for(Kernel&& kernel) {
#if SKIMP_X86
  if constexpr (isa == Isa::avx512) return isa::run_avx512(kernel);
  if constexpr (isa == Isa::avx2) return isa::run_avx2(kernel);
#endif
  return isa::run_scalar(kernel);
}

}  // namespace skimp::bench
