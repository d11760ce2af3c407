/// \file
/// Bounded asynchrony: a thread carries the reductions, one after the other, and each result is
/// taken some steps later, while the next ones are under way (Stich and Karimireddy 2020).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "device/buffer.h"

namespace skimp {

/// Used by one thread at a time, beside its own.
class Delayed {
 public:
  /// Reduces an array in place; false if nothing was written. Runs in the thread.
  using Reduce = std::function<bool(void* values)>;

  /// For arrays of so many bytes.
  Delayed(std::uint64_t bytes, Reduce reduce);

  /// Waits for the reduction under way. Those that have not begun are dropped.
  ~Delayed();

  Delayed(const Delayed&) = delete;
  Delayed& operator=(const Delayed&) = delete;

  std::uint64_t bytes() const { return bytes_; }

  /// Steps handed over whose results have not been taken.
  std::uint64_t pending() const { return steps_.size(); }

  /// Hands a copy of the array over.
  void give(const void* input);

  /// Waits for the oldest step pending and writes its result. Returns false if it has none; throws
  /// what its reduction threw. The step is taken in each case.
  bool take(void* output);

 private:
  struct Step {
    Buffer values;
    bool written = false;
    std::exception_ptr error{};
  };

  void work();

  std::uint64_t bytes_;
  Reduce reduce_;
  std::vector<Buffer> spare_;
  std::mutex mutex_;  ///< of all below; changes of steps_ itself are made by the caller's thread
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Step>> steps_;  ///< the oldest first
  std::uint64_t done_ = 0;                   ///< of steps_, from the oldest on
  bool stopped_ = false;
  std::thread thread_;  ///< last: it uses the others
};

}  // namespace skimp
