// Deep Gradient Compression in C++: momentum correction, and a density that falls from 25 % to 2 %.
//
//   c++ -std=c++20 momentum_threads.cpp $(python -m skimp --cflags --libs) -lpthread -o example
//   ./example
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <thread>
#include <vector>

#include "skimp/skimp.hpp"

constexpr std::size_t count = 2000;
constexpr int steps = 800, warm_up = 400;

/// Rank r is drawn to its own wave; their mean is the optimum.
double target(std::size_t rank, std::size_t i) {
  return std::sin(static_cast<double>(i + 1000 * rank));
}

int main() {
  std::vector<skimp::api::Communicator> ranks = skimp::api::Communicator::threads(3);
  std::vector<double> distance(ranks.size());
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    threads.emplace_back([&, r] {
      auto feedback = skimp::api::Residual::momentum(0.9, count, SKIMP_FLOAT64);
      std::vector<double> x(count), gradient(count), mean(count);
      for (int step = 0; step < steps; ++step) {
        const double density = skimp::api::warm_up_density(0.02, warm_up, feedback.step());
        const skimp::api::Codec codec("topk(density=" + std::to_string(density) + ")");
        for (std::size_t i = 0; i < count; ++i) gradient[i] = x[i] - target(r, i);
        ranks[r].allreduce(gradient, mean, {.codec = &codec, .residual = &feedback});
        const double rate = 0.005 * (1 - static_cast<double>(step) / steps);
        for (std::size_t i = 0; i < count; ++i) x[i] -= rate * mean[i];
      }
      for (std::size_t i = 0; i < count; ++i) {
        double optimum = 0;
        for (std::size_t other = 0; other < ranks.size(); ++other) optimum += target(other, i) / 3;
        distance[r] = std::max(distance[r], std::abs(x[i] - optimum));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const skimp_report report = ranks[0].report();
  std::printf("Momentum correction, %.0f times fewer bytes: distance from the optimum %.2f\n",
              static_cast<double>(report.dense_bytes) / static_cast<double>(report.bytes_sent),
              distance[0]);
  return distance[0] < 0.15 ? 0 : 1;
}
