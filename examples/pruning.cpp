// Dynamic pruning in C++: nine of ten weights of a regression are pruned, while training and after.
//   c++ -std=c++20 pruning.cpp $(python -m skimp --cflags --libs) -o example
//   ./example
//
// With more features than examples good dense solutions are many, sparse ones few.
#include <cstdio>
#include <random>
#include <vector>

#include "skimp/skimp.hpp"

using Vector = std::vector<double>;
constexpr std::size_t features = 200, examples = 100, steps = 1000;

struct Regression {
  std::vector<Vector> x{examples, Vector(features)};
  Vector y = Vector(examples);

  Regression() {
    std::mt19937 random(1);
    std::normal_distribution<> normal;
    for (std::size_t e = 0; e < examples; ++e) {
      for (std::size_t i = 0; i < features; ++i) {
        x[e][i] = normal(random) + (i > 0 ? 0.7 * x[e][i - 1] : 0);
        if (i % 20 == 0) y[e] += x[e][i] * static_cast<double>(1 + i % 3);
      }
    }
  }

  /// The mean of squared errors; adds -rate times its gradient at `at` to `weights`.
  double descend(const Vector& at, Vector& weights, double rate) const {
    double loss = 0;
    Vector gradient(features);
    for (std::size_t e = 0; e < examples; ++e) {
      double error = -y[e];
      for (std::size_t i = 0; i < features; ++i) error += x[e][i] * at[i];
      loss += error * error / examples;
      for (std::size_t i = 0; i < features; ++i) gradient[i] += error * x[e][i] / examples;
    }
    for (std::size_t i = 0; i < features; ++i) weights[i] -= rate * gradient[i];
    return loss;
  }
};

int main() {
  const Regression regression;
  const auto train = [&](double sparsity) {
    skimp::api::DynamicPruning during(sparsity), last(0.9);
    Vector weights(features), compressed(features);
    for (std::size_t step = 0; step < steps; ++step) {
      during.step(weights, compressed);
      regression.descend(compressed, weights, 0.02 * (1 - static_cast<double>(step) / steps));
    }
    last.step(weights, compressed);
    return regression.descend(compressed, weights, 0);
  };
  const double after = train(0), meanwhile = train(0.9);
  std::printf("90 %% pruned: loss %.4f afterwards, %.4f while training\n", after, meanwhile);
  return meanwhile < after / 2 ? 0 : 1;
}
