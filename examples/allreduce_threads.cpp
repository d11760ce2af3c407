// The C++ face: averages an array over three ranks that are threads, with 4 bits an element.
//
//   c++ -std=c++20 allreduce_threads.cpp $(python -m skimp --cflags --libs) -lpthread -o example
//   ./example
#include <cmath>
#include <cstdio>
#include <thread>
#include <vector>

#include "skimp/skimp.hpp"

int main() {
  std::vector<skimp::api::Communicator> ranks = skimp::api::Communicator::threads(3);
  const skimp::api::Codec codec("quantize(bits=4)");
  std::vector<double> worst(ranks.size());
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    threads.emplace_back([&, r] {
      const std::vector<float> input(50000, static_cast<float>(r));
      std::vector<float> mean(input.size());
      ranks[r].allreduce(input, mean, {.codec = &codec});
      for (const float value : mean) worst[r] = std::max(worst[r], std::abs(value - 1.0));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const skimp_report report = ranks[0].report();
  std::printf("3 ranks, %s: %.1f times fewer bytes, largest error %g\n", report.algorithm,
              static_cast<double>(report.dense_bytes) / static_cast<double>(report.bytes_sent),
              worst[0]);
  return worst[0] < 1e-6 ? 0 : 1;  // Equal values are levels of the quantiser: nothing is lost.
}
