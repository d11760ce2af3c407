/// \file
/// Reductions that survive what some ranks make of their input: an owner holds the values of all
/// ranks, so it can compare them instead of adding them up, at no more traffic.
///
/// Yin, Chen, Kannan, Bartlett 2018 (median, trimmed mean); Bernstein, Zhao, Azizzadenesheli,
/// Anandkumar 2019 (vote). The order of values is that of their numbers, −0 below 0, and NaN above
/// Inf, whatever its sign: a rank that sends NaN sends an extreme, which the others outweigh.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "collectives/algorithm.h"

namespace skimp {

inline bool is_robust(skimp_op op) {
  return op == SKIMP_MEDIAN || op == SKIMP_TRIMMED_MEAN || op == SKIMP_VOTE;
}

/// How many values are dropped at each end: those that leave one or two, for the median.
int trim_of(const Call& call, int world_size);

/// Why a call cannot be reduced so; "" when it can.
std::string refuses_robust(const Call& call, int world_size);

class RobustReduction {
 public:
  RobustReduction(const Call& call, int world_size);

  /// Reduces row r of every rank r, each of `count` values of the accumulator's type, `stride`
  /// values from the one before. The result is the first row; the others are spent.
  void run(Run& run, void* rows, std::uint64_t stride, std::uint64_t count) const;

 private:
  void reduce(void* rows, std::uint64_t stride, std::uint64_t count) const;

  skimp_op op_;
  DType dtype_;
  int ranks_;
  int trim_;
  std::vector<std::pair<int, int>> network_;  ///< rows to compare, which sorts every column
};

}  // namespace skimp
