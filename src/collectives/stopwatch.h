/// \file
/// Adds the time of a scope to a counter of seconds.
#pragma once

#include <chrono>

namespace skimp {

class Stopwatch {
 public:
  explicit Stopwatch(double& seconds)
      : seconds_(seconds), begin_(std::chrono::steady_clock::now()) {}
  ~Stopwatch() {
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace skimp
