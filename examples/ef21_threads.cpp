// EF21 in C++: three ranks (threads) minimise the mean of their quadratics, sending 5 % of a
// vector.
//
//   c++ -std=c++20 ef21_threads.cpp $(python -m skimp --cflags --libs) -lpthread -o example
//   ./example
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <thread>
#include <vector>

#include "skimp/skimp.hpp"

int main() {
  std::vector<skimp::api::Communicator> ranks = skimp::api::Communicator::threads(3);
  const skimp::api::Codec codec("topk(density=0.05)");
  std::vector<double> distance(ranks.size());
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    threads.emplace_back([&, r] {
      auto feedback = skimp::api::Residual::ef21(1000, SKIMP_FLOAT64);
      std::vector<double> x(1000), gradient(x.size()), mean(x.size());
      for (int step = 0; step < 3000; ++step) {
        for (std::size_t i = 0; i < x.size(); ++i) {
          gradient[i] = x[i] - std::sin(static_cast<double>(i + 1000 * r));
        }
        ranks[r].allreduce(gradient, mean, {.codec = &codec, .residual = &feedback});
        for (std::size_t i = 0; i < x.size(); ++i) x[i] -= 0.02 * mean[i];
      }
      for (std::size_t i = 0; i < x.size(); ++i) {
        double optimum = 0;
        for (int other = 0; other < 3; ++other) {
          optimum += std::sin(static_cast<double>(i) + 1000.0 * other) / 3;
        }
        distance[r] = std::max(distance[r], std::abs(x[i] - optimum));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const skimp_report report = ranks[0].report();
  std::printf("EF21, %.1f times fewer bytes: distance from the optimum %.1e\n",
              static_cast<double>(report.dense_bytes) / static_cast<double>(report.bytes_sent),
              distance[0]);
  return *std::max_element(distance.begin(), distance.end()) < 1e-9 ? 0 : 1;
}
