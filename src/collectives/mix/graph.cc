#include "collectives/mix/graph.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <utility>

#include "base/checksum.h"
#include "base/error.h"

namespace skimp {
namespace {

/// How far sums of rows may be from 1.
constexpr double tolerance = 1e-9;

constexpr const char* names = "ring, torus, exponential, complete";

using Neighbours = std::vector<std::set<int>>;

/// Joins two ranks, unless they are one.
void join(Neighbours& neighbours, int a, int b) {
  if (a == b) return;
  neighbours[static_cast<std::size_t>(a)].insert(b);
  neighbours[static_cast<std::size_t>(b)].insert(a);
}

/// The most even rows × columns that are `ranks`.
int rows_of_torus(int ranks) {
  int rows = 1;
  for (int divisor = 2; divisor * divisor <= ranks; ++divisor) {
    if (ranks % divisor == 0) rows = divisor;
  }
  require(rows > 1 || ranks == 1, "graph: a torus of ", ranks,
          " ranks has one row only: take ring, or another number of ranks");
  return rows;
}

Neighbours neighbours_of(std::string_view name, int ranks) {
  Neighbours neighbours(static_cast<std::size_t>(ranks));
  if (name == "ring") {
    for (int r = 0; r < ranks; ++r) join(neighbours, r, (r + 1) % ranks);
  } else if (name == "torus") {
    const int rows = rows_of_torus(ranks), columns = ranks / rows;
    for (int r = 0; r < ranks; ++r) {
      join(neighbours, r, r / columns * columns + (r + 1) % columns);
      join(neighbours, r, (r + columns) % ranks);
    }
  } else if (name == "exponential") {
    for (int r = 0; r < ranks; ++r) {
      for (int hop = 1; hop < ranks; hop *= 2) join(neighbours, r, (r + hop) % ranks);
    }
  } else if (name == "complete") {
    for (int r = 0; r < ranks; ++r) {
      for (int other = 0; other < r; ++other) join(neighbours, r, other);
    }
  } else {
    fail(SKIMP_INVALID_ARGUMENT, "graph: '", name, "' is none of ", names);
  }
  return neighbours;
}

std::vector<double> metropolis_weights(const Neighbours& neighbours) {
  const std::size_t ranks = neighbours.size();
  std::vector<double> weights(ranks * ranks, 0);
  for (std::size_t r = 0; r < ranks; ++r) {
    double rest = 1;
    for (const int other : neighbours[r]) {
      const auto o = static_cast<std::size_t>(other);
      const std::size_t degree = std::max(neighbours[r].size(), neighbours[o].size());
      weights[r * ranks + o] = 1 / (1 + static_cast<double>(degree));
      rest -= weights[r * ranks + o];
    }
    weights[r * ranks + r] = rest;
  }
  return weights;
}

void require_doubly_stochastic(const double* weights, int ranks) {
  const auto size = static_cast<std::size_t>(ranks);
  for (std::size_t a = 0; a < size; ++a) {
    double sum = 0;
    for (std::size_t b = 0; b < size; ++b) {
      const double weight = weights[a * size + b], back = weights[b * size + a];
      require(std::isfinite(weight) && weight >= 0, "graph: weight [", a, "][", b, "] = ", weight,
              " is not a finite number of at least 0");
      require(weight == back, "graph: weight [", a, "][", b, "] = ", weight, " is not that of [", b,
              "][", a, "] = ", back, "; the matrix must be symmetric");
      sum += weight;
    }
    require(std::abs(sum - 1) <= tolerance, "graph: the weights of rank ", a, " sum to ", sum,
            ", not to 1");
  }
}

void require_connected(const double* weights, int ranks) {
  const auto size = static_cast<std::size_t>(ranks);
  std::vector<std::size_t> reached{0};
  std::vector<bool> seen(size, false);
  seen[0] = true;
  for (std::size_t i = 0; i < reached.size(); ++i) {
    for (std::size_t b = 0; b < size; ++b) {
      if (weights[reached[i] * size + b] == 0 || seen[b]) continue;
      seen[b] = true;
      reached.push_back(b);
    }
  }
  const auto alone = std::find(seen.begin(), seen.end(), false);
  require(alone == seen.end(), "graph: rank ", alone - seen.begin(),
          " is not connected to rank 0, so they would never agree");
}

void require_ranks(int world_size) {
  require(world_size >= 1, "graph: world_size = ", world_size, " must be at least 1");
}

}  // namespace

Graph::Graph(int world_size, std::vector<double> weights, std::string text)
    : world_size_(world_size),
      weights_(std::move(weights)),
      text_(std::move(text)),
      spectrum_(spectrum_of(weights_, world_size)) {}

Graph Graph::named(std::string_view name, int world_size) {
  require_ranks(world_size);
  return {world_size, metropolis_weights(neighbours_of(name, world_size)), std::string(name)};
}

Graph Graph::of_weights(const double* weights, int world_size) {
  require_ranks(world_size);
  require_doubly_stochastic(weights, world_size);
  require_connected(weights, world_size);
  const auto size = static_cast<std::size_t>(world_size);
  std::vector<double> copy(weights, weights + size * size);
  const Bytes bytes(reinterpret_cast<const std::byte*>(copy.data()), copy.size() * sizeof(double));
  std::ostringstream text;
  text << "weights(" << std::hex << checksum(bytes) << ")";
  return {world_size, std::move(copy), text.str()};
}

std::vector<Graph::Edge> Graph::edges(int rank) const {
  std::vector<Edge> edges;
  for (int peer = 0; peer < world_size_; ++peer) {
    if (peer != rank && weight(rank, peer) != 0) edges.push_back({peer, weight(rank, peer)});
  }
  return edges;
}

double Graph::spectral_gap() const {
  if (world_size_ == 1) return 1;
  // The largest eigenvalue is 1, that of the mean.
  return std::clamp(1 - std::max(spectrum_.second_largest, -spectrum_.smallest), 0.0, 1.0);
}

double Graph::spread() const { return std::clamp(1 - spectrum_.smallest, 0.0, 2.0); }

}  // namespace skimp
