/// \file
/// Who exchanges with whom in a gossip step, and with which weight: a symmetric, doubly stochastic
/// matrix W, the same on all ranks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/mix/spectrum.h"

namespace skimp {

class Graph {
 public:
  /// One neighbour and the weight of the edge to it.
  struct Edge {
    int peer;
    double weight;
  };

  /// A named graph with Metropolis weights, 1 / (1 + the larger degree of an edge's two ends):
  /// "ring", "torus", "exponential" or "complete". Throws InvalidArgument for other names, and for
  /// a torus of a prime number of ranks.
  static Graph named(std::string_view name, int world_size);

  /// W itself, row by row. Throws InvalidArgument unless it is symmetric, not negative, has rows
  /// that sum to 1, and connects all ranks: then gossip ends in the mean.
  static Graph of_weights(const double* weights, int world_size);

  int world_size() const { return world_size_; }
  double weight(int a, int b) const { return weights_[index(a, b)]; }

  /// The neighbours of a rank, in rank order.
  std::vector<Edge> edges(int rank) const;

  /// 1 − the second largest magnitude of W's eigenvalues, in 0 … 1: a step of plain gossip leaves
  /// at most (1 − gap)² of the squared distance to the mean. 1 for one rank. Exactly the same on
  /// all ranks and machines.
  double spectral_gap() const;

  /// 1 − the smallest eigenvalue of W, in 0 … 2: the norm of I − W.
  double spread() const;

  /// "ring", or "weights(1f00…)" with the checksum of a matrix.
  const std::string& text() const { return text_; }

 private:
  Graph(int world_size, std::vector<double> weights, std::string text);
  std::size_t index(int a, int b) const {
    return static_cast<std::size_t>(a) * static_cast<std::size_t>(world_size_) +
           static_cast<std::size_t>(b);
  }

  int world_size_;
  std::vector<double> weights_;
  std::string text_;
  Spectrum spectrum_;
};

using GraphPtr = std::shared_ptr<const Graph>;

}  // namespace skimp
