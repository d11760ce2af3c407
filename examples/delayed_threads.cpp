// Delayed means in C++: three ranks (threads) descend by gradients two steps old, with one bit a
// value, while the next ones are on their way.
//
//   c++ -std=c++20 delayed_threads.cpp $(python -m skimp --cflags --libs) -lpthread -o example
//   ./example
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <thread>
#include <vector>

#include "skimp/skimp.hpp"

constexpr std::size_t count = 2000;
constexpr int steps = 300, delay = 2;

/// Rank r is drawn to its own wave; their mean is the optimum.
double target(std::size_t rank, std::size_t i) {
  return std::sin(static_cast<double>(i + 1000 * rank));
}

int main() {
  std::vector<skimp::api::Communicator> ranks = skimp::api::Communicator::threads(3);
  const skimp::api::Codec codec("sign");
  std::vector<double> distance(ranks.size());
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    threads.emplace_back([&, r] {
      skimp::api::Residual residual(count, SKIMP_FLOAT64);
      skimp::api::Delayed delayed(ranks[r], delay, count, SKIMP_FLOAT64,
                                  {.codec = &codec, .residual = &residual});
      std::vector<double> x(count), gradient(count), mean(count);
      const auto descend = [&](int step) {
        const double rate = 0.05 * (1 - static_cast<double>(step) / (steps + delay));
        for (std::size_t i = 0; i < count; ++i) x[i] -= rate * mean[i];
      };
      for (int step = 0; step < steps; ++step) {
        for (std::size_t i = 0; i < count; ++i) gradient[i] = x[i] - target(r, i);
        if (delayed.step(gradient, mean)) descend(step);
      }
      while (delayed.pending() > 0) {  // the last ones are not lost
        if (delayed.take(mean)) descend(steps);
      }
      for (std::size_t i = 0; i < count; ++i) {
        const double optimum = (target(0, i) + target(1, i) + target(2, i)) / 3;
        distance[r] = std::max(distance[r], std::abs(x[i] - optimum));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const skimp_report report = ranks[0].report();
  std::printf("%d steps late, %.0f times fewer bytes: distance from the optimum %.1e\n", delay,
              static_cast<double>(report.dense_bytes) / static_cast<double>(report.bytes_sent),
              distance[0]);
  return distance[0] < 0.02 ? 0 : 1;
}
