/// \file
/// Steps of training built on the collectives, with their state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "skimp/skimp.hpp"

namespace skimp::api {

/// The outer step of local SGD; see skimp_local_sgd.
struct OuterStep {
  double momentum = 0;
  double learning_rate = 1;
  bool nesterov = false;
};

/// Averages parameters every `period` steps; see skimp_local_sgd_synchronise. One for each rank.
class LocalSgd {
 public:
  explicit LocalSgd(std::uint64_t period, OuterStep outer = {}) : period_(period), outer_(outer) {
    if (period == 0) throw Error(SKIMP_INVALID_ARGUMENT, "local_sgd: period = 0, needs 1 or more");
  }

  /// Makes the parameters those of rank 0. Collective.
  void start(Communicator& communicator, void* parameters, std::uint64_t count, skimp_dtype dtype) {
    LocalSgd started(period_, outer_);
    started.make_room(count, dtype);
    const skimp_local_sgd local = started.c_local_sgd();
    check(
        skimp_local_sgd_start(communicator.handle(), &local, parameters, parameters, count, dtype));
    *this = std::move(started);
  }
  template <WritableValues Parameters>
  void start(Communicator& communicator, Parameters&& parameters) {
    start(communicator, std::ranges::data(parameters), std::ranges::size(parameters),
          dtype_of<element_of<Parameters>>);
  }

  /// In place of start: goes on from what anchor(), velocity() and steps() were.
  void resume(const void* anchor, const void* velocity, std::uint64_t count, skimp_dtype dtype,
              std::uint64_t steps) {
    make_room(count, dtype);
    if (count > 0) {
      std::memcpy(anchor_.data(), anchor, anchor_.size());
      std::memcpy(velocity_.data(), velocity, velocity_.size());
    }
    steps_ = steps;
  }

  /// To be called after each local step. Every `period` calls it averages, and returns true.
  bool step(Communicator& communicator, void* parameters, std::uint64_t count, skimp_dtype dtype,
            const Options& options = {}) {
    const bool due = (steps_ + 1) % period_ == 0;
    if (due) synchronise(communicator, parameters, count, dtype, options);
    ++steps_;
    return due;
  }
  template <WritableValues Parameters>
  bool step(Communicator& communicator, Parameters&& parameters, const Options& options = {}) {
    return step(communicator, std::ranges::data(parameters), std::ranges::size(parameters),
                dtype_of<element_of<Parameters>>, options);
  }

  /// Averages now: as at the end of training. Collective.
  void synchronise(Communicator& communicator, void* parameters, std::uint64_t count,
                   skimp_dtype dtype, const Options& options = {}) {
    if (count != count_ || anchor_.size() != kept_bytes(count, dtype)) {
      throw Error(SKIMP_INVALID_ARGUMENT, "local_sgd: started with " + std::to_string(count_) +
                                              " parameters, got " + std::to_string(count) +
                                              ", or of another type");
    }
    const skimp_local_sgd local = c_local_sgd();
    const skimp_options c_options = options.c_options();
    check(skimp_local_sgd_synchronise(communicator.handle(), &local, parameters, parameters, count,
                                      dtype, &c_options));
  }
  template <WritableValues Parameters>
  void synchronise(Communicator& communicator, Parameters&& parameters,
                   const Options& options = {}) {
    synchronise(communicator, std::ranges::data(parameters), std::ranges::size(parameters),
                dtype_of<element_of<Parameters>>, options);
  }

  std::uint64_t steps() const { return steps_; }
  /// Of float; for parameters of double of double.
  const void* anchor() const { return anchor_.data(); }
  const void* velocity() const { return velocity_.data(); }

 private:
  static std::size_t kept_bytes(std::uint64_t count, skimp_dtype dtype) {
    return count * (dtype == SKIMP_FLOAT64 ? sizeof(double) : sizeof(float));
  }

  void make_room(std::uint64_t count, skimp_dtype dtype) {
    anchor_.assign(kept_bytes(count, dtype), {});
    velocity_ = anchor_;
    count_ = count;
  }

  skimp_local_sgd c_local_sgd() {
    skimp_local_sgd local = SKIMP_LOCAL_SGD_INIT;
    local.momentum = outer_.momentum;
    local.learning_rate = outer_.learning_rate;
    local.nesterov = outer_.nesterov;
    local.anchor = anchor_.data();
    local.velocity = velocity_.data();
    return local;
  }

  std::uint64_t period_;
  OuterStep outer_;
  std::uint64_t count_ = 0;
  std::uint64_t steps_ = 0;
  std::vector<std::byte> anchor_;
  std::vector<std::byte> velocity_;
};

/// Means that come `steps` steps later, carried by a thread; see skimp_delayed_create. Until all
/// are taken the communicator belongs to that thread. What `options` points to outlives this.
class Delayed : public Handle<skimp_delayed, skimp_delayed_destroy> {
 public:
  Delayed(Communicator& communicator, int steps, std::uint64_t count,
          skimp_dtype dtype = SKIMP_FLOAT32, const Options& options = {})
      : Handle(create(communicator, steps, count, dtype, options)), count_(count), dtype_(dtype) {}

  /// Hands a copy of `input` over. True if `output` is the mean of an earlier step.
  bool step(const void* input, void* output) {
    int written = 0;
    check(skimp_delayed_step(handle(), input, output, &written));
    return written != 0;
  }
  template <Values Input, OutputFor<Input> Output>
  bool step(const Input& input, Output&& output) {
    require_fit(input);
    require_fit(output);
    return step(static_cast<const void*>(std::ranges::data(input)), std::ranges::data(output));
  }

  /// Waits for the mean of the oldest step pending. False if it was skipped.
  bool take(void* output) {
    int written = 0;
    check(skimp_delayed_take(handle(), output, &written));
    return written != 0;
  }
  template <WritableValues Output>
  bool take(Output&& output) {
    require_fit(output);
    return take(static_cast<void*>(std::ranges::data(output)));
  }

  std::uint64_t pending() const { return skimp_delayed_pending(handle()); }

 private:
  static skimp_delayed* create(Communicator& communicator, int steps, std::uint64_t count,
                               skimp_dtype dtype, const Options& options) {
    const skimp_options c_options = options.c_options();
    skimp_delayed* delayed = nullptr;
    check(skimp_delayed_create(communicator.handle(), steps, count, dtype, &c_options, &delayed));
    return delayed;
  }

  template <class Range>
  void require_fit(const Range& range) const {
    if (std::ranges::size(range) == count_ && dtype_of<element_of<Range>> == dtype_) return;
    throw Error(SKIMP_INVALID_ARGUMENT,
                "delayed: made for " + std::to_string(count_) + " elements, got " +
                    std::to_string(std::ranges::size(range)) + ", or of another type");
  }

  std::uint64_t count_;
  skimp_dtype dtype_;
};

/// Compresses a model while it is trained; see skimp_pruning_step. One for each rank.
class DynamicPruning {
 public:
  /// `precision` outlives this.
  explicit DynamicPruning(double sparsity, std::int64_t period = 16, std::int64_t warm_up = 0,
                          const Codec* precision = nullptr) {
    pruning_.sparsity = sparsity;
    pruning_.period = period;
    pruning_.warm_up = warm_up;
    pruning_.precision = precision ? precision->handle() : nullptr;
    sparsity_at(0);  // refuses what is wrong
  }

  /// Writes the compressed weights. With a communicator the mask is rank 0's.
  void step(const void* weights, void* compressed, std::uint64_t count, skimp_dtype dtype,
            Communicator* communicator = nullptr) {
    if (pruning_.steps == 0) mask_.resize(count);
    if (mask_.size() != count) {
      throw Error(SKIMP_INVALID_ARGUMENT, "pruning: the mask has " + std::to_string(mask_.size()) +
                                              " elements, got " + std::to_string(count));
    }
    pruning_.mask = mask_.data();
    check(skimp_pruning_step(&pruning_, communicator ? communicator->handle() : nullptr, weights,
                             compressed, count, dtype));
  }
  template <Values Weights, OutputFor<Weights> Compressed>
  void step(const Weights& weights, Compressed&& compressed, Communicator* communicator = nullptr) {
    if (std::ranges::size(compressed) != std::ranges::size(weights)) {
      throw Error(SKIMP_INVALID_ARGUMENT, "pruning: " + std::to_string(std::ranges::size(weights)) +
                                              " weights, output of " +
                                              std::to_string(std::ranges::size(compressed)));
    }
    step(std::ranges::data(weights), std::ranges::data(compressed), std::ranges::size(weights),
         dtype_of<element_of<Weights>>, communicator);
  }

  double sparsity_at(std::uint64_t step) const {
    double sparsity = 0;
    check(skimp_pruning_sparsity(&pruning_, step, &sparsity));
    return sparsity;
  }

  std::uint64_t steps() const { return pruning_.steps; }

  /// Goes on from what mask() and steps() were.
  void resume(std::vector<std::uint8_t> mask, std::uint64_t steps) {
    mask_ = std::move(mask);
    pruning_.steps = steps;
  }

  /// 1: kept, 0: pruned; empty before the first step.
  const std::vector<std::uint8_t>& mask() const { return mask_; }

 private:
  skimp_pruning pruning_ = SKIMP_PRUNING_INIT;
  std::vector<std::uint8_t> mask_;
};

/// See skimp_warm_up_density.
inline double warm_up_density(double density, std::int64_t steps, std::uint64_t step,
                              double first = 0.25, int stages = 4) {
  double value = 0;
  check(skimp_warm_up_density(density, first, steps, stages, step, &value));
  return value;
}

}  // namespace skimp::api
