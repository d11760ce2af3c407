/// \file
/// Skimp for C++20: the C interface of skimp.h as move-only objects and exceptions. Header only; a
/// program links with libskimp alone.
///
///     std::vector<skimp::api::Communicator> ranks = skimp::api::Communicator::threads(4);
///     // ... in the thread of rank r, with std::vector<float> gradient, mean:
///     skimp::api::Codec sign("sign");
///     skimp::api::Residual residual(gradient.size());
///     ranks[r].allreduce(gradient, mean, {.codec = &sign, .residual = &residual});
///
/// Values come as any contiguous range of float or double (std::vector, std::span, std::array, a C
/// array), or as pointer, count and skimp_dtype. Every failure throws Error. What each function
/// promises is written at the C function of its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "skimp/base.hpp"
#include "skimp/codecs.hpp"
#include "skimp/graphs.hpp"
#include "skimp/skimp.h"
#include "skimp/sparse.hpp"

namespace skimp::api {

/// Options of a call; all are optional: {.codec = &codec, .op = SKIMP_SUM}.
struct Options {
  const Codec* codec = nullptr;            ///< null: identity
  const Codec* broadcast_codec = nullptr;  ///< null: the codec's default
  Residual* residual = nullptr;            ///< error feedback; null: none
  const char* algorithm = nullptr;         ///< null: chosen by Skimp
  skimp_op op = SKIMP_MEAN;
  skimp_nonfinite nonfinite = SKIMP_PROPAGATE;
  int root = 0;
  int trim = 0;
  const Graph* graph = nullptr;  ///< of mix
  double step_size = 0;          ///< of mix; 0: the default
  int device = SKIMP_HOST;       ///< whose memory the arrays lie in
  void* stream = nullptr;        ///< of that device

  skimp_options c_options() const {
    skimp_options options = SKIMP_OPTIONS_INIT;
    options.codec = codec ? codec->handle() : nullptr;
    options.broadcast_codec = broadcast_codec ? broadcast_codec->handle() : nullptr;
    options.residual = residual ? residual->handle() : nullptr;
    options.algorithm = algorithm;
    options.op = op;
    options.nonfinite = nonfinite;
    options.root = root;
    options.trim = trim;
    options.graph = graph ? graph->handle() : nullptr;
    options.step_size = step_size;
    options.device = device;
    options.stream = stream;
    return options;
  }
};

template <class Object>
skimp_report report_of(skimp_status (*fill)(const Object*, skimp_report*), const Object* object) {
  skimp_report report{};
  report.report_bytes = sizeof report;
  check(fill(object, &report));
  return report;
}

/// One rank of a group. Used by one thread at a time.
class Communicator : public Handle<skimp_communicator, skimp_communicator_destroy> {
 public:
  /// Takes over a C object, such as skimp_mpi_create of skimp/mpi.h makes.
  explicit Communicator(skimp_communicator* communicator) : Handle(communicator) {}

  /// Ranks are threads of this process: one communicator a rank.
  static std::vector<Communicator> threads(int world_size) {
    std::vector<skimp_communicator*> made(world_size > 0 ? static_cast<std::size_t>(world_size)
                                                         : 1);
    check(skimp_threads_create(world_size, made.data()));
    std::vector<Communicator> communicators;
    for (skimp_communicator* communicator : made) communicators.emplace_back(communicator);
    return communicators;
  }

  /// Ranks in processes, by a connected stream socket for each; see skimp_tcp_create.
  static Communicator tcp(int rank, std::span<const int> sockets) {
    skimp_communicator* made = nullptr;
    check(skimp_tcp_create(rank, static_cast<int>(sockets.size()), sockets.data(), &made));
    return Communicator(made);
  }

  /// See skimp_communicator_send_from_devices.
  void send_from_devices() { check(skimp_communicator_send_from_devices(handle())); }

  /// Between devices, by NCCL; see skimp_nccl_create. Collective.
  static Communicator nccl(const Communicator& control, int device, const char* library = nullptr) {
    skimp_communicator* made = nullptr;
    check(skimp_nccl_create(control.handle(), library, device, &made));
    return Communicator(made);
  }

  int rank() const { return skimp_communicator_rank(handle()); }
  int world_size() const { return skimp_communicator_world_size(handle()); }
  std::string transport() const { return skimp_communicator_transport(handle()); }

  void set_timeout(double seconds) { check(skimp_communicator_set_timeout(handle(), seconds)); }
  void set_pipeline(std::uint64_t segment, int window = SKIMP_WINDOW) {
    check(skimp_communicator_set_pipeline(handle(), segment, window));
  }
  void set_threads(int threads) { check(skimp_communicator_set_threads(handle(), threads)); }
  /// `nodes` has world_size() numbers.
  void set_nodes(std::span<const int> nodes) {
    if (nodes.size() != static_cast<std::size_t>(world_size())) {
      throw Error(SKIMP_INVALID_ARGUMENT, "nodes: " + std::to_string(nodes.size()) +
                                              " are named for " + std::to_string(world_size()) +
                                              " ranks");
    }
    check(skimp_communicator_set_nodes(handle(), nodes.data()));
  }
  void barrier() { check(skimp_barrier(handle())); }
  void close(const char* reason = nullptr) { check(skimp_communicator_close(handle(), reason)); }

  /// Empty on ranks with color < 0. This communicator must outlive the part.
  std::optional<Communicator> split(int color, int key = 0) {
    skimp_communicator* part = nullptr;
    check(skimp_communicator_split(handle(), color, key, &part));
    if (part == nullptr) return std::nullopt;
    return Communicator(part);
  }

  /// Of the last call.
  skimp_report report() const {
    return report_of<skimp_communicator>(skimp_communicator_report, handle());
  }

  void allreduce(const void* input, void* output, std::uint64_t count, skimp_dtype dtype,
                 const Options& options = {}) {
    run(skimp_allreduce, input, output, count, dtype, options);
  }
  template <Values Input, OutputFor<Input> Output>
  void allreduce(const Input& input, Output&& output, const Options& options = {}) {
    run(skimp_allreduce, input, output, std::ranges::size(input), options);
  }

  void reduce_scatter(const void* input, void* output, std::uint64_t count, skimp_dtype dtype,
                      const Options& options = {}) {
    run(skimp_reduce_scatter, input, output, count, dtype, options);
  }
  template <Values Input, OutputFor<Input> Output>
  void reduce_scatter(const Input& input, Output&& output, const Options& options = {}) {
    run(skimp_reduce_scatter, input, output, std::ranges::size(input) / ranks(), options);
  }

  void allgather(const void* input, void* output, std::uint64_t count, skimp_dtype dtype,
                 const Options& options = {}) {
    run(skimp_allgather, input, output, count, dtype, options);
  }
  template <Values Input, OutputFor<Input> Output>
  void allgather(const Input& input, Output&& output, const Options& options = {}) {
    run(skimp_allgather, input, output, std::ranges::size(input) * ranks(), options);
  }

  void broadcast(const void* input, void* output, std::uint64_t count, skimp_dtype dtype,
                 const Options& options = {}) {
    run(skimp_broadcast, input, output, count, dtype, options);
  }
  template <Values Input, OutputFor<Input> Output>
  void broadcast(const Input& input, Output&& output, const Options& options = {}) {
    run(skimp_broadcast, input, output, std::ranges::size(input), options);
  }

  void alltoall(const void* input, void* output, std::uint64_t count, skimp_dtype dtype,
                const Options& options = {}) {
    run(skimp_alltoall, input, output, count, dtype, options);
  }
  template <Values Input, OutputFor<Input> Output>
  void alltoall(const Input& input, Output&& output, const Options& options = {}) {
    run(skimp_alltoall, input, output, std::ranges::size(input), options);
  }

  void mix(const void* input, void* output, std::uint64_t count, skimp_dtype dtype,
           const Options& options) {
    run(skimp_mix, input, output, count, dtype, options);
  }
  template <Values Input, OutputFor<Input> Output>
  void mix(const Input& input, Output&& output, const Options& options) {
    run(skimp_mix, input, output, std::ranges::size(input), options);
  }

  void send(const void* input, std::uint64_t count, skimp_dtype dtype, int dest,
            const Options& options = {}, int tag = 0) {
    const skimp_options c_options = options.c_options();
    check(skimp_send(handle(), input, count, dtype, dest, tag, &c_options));
  }
  template <Values Input>
  void send(const Input& input, int dest, const Options& options = {}, int tag = 0) {
    send(std::ranges::data(input), std::ranges::size(input), dtype_of<element_of<Input>>, dest,
         options, tag);
  }

  void recv(void* output, std::uint64_t count, skimp_dtype dtype, int source,
            const Options& options = {}, int tag = 0) {
    const skimp_options c_options = options.c_options();
    check(skimp_recv(handle(), output, count, dtype, source, tag, &c_options));
  }
  /// `output` has as many elements as were sent.
  template <WritableValues Output>
  void recv(Output&& output, int source, const Options& options = {}, int tag = 0) {
    recv(std::ranges::data(output), std::ranges::size(output), dtype_of<element_of<Output>>, source,
         options, tag);
  }

  Sparse allreduce(const Sparse& input, const Options& options = {}) {
    return std::move(run(skimp_allreduce_sparse, input, 1, options)[0]);
  }
  Sparse reduce_scatter(const Sparse& input, const Options& options = {}) {
    return std::move(run(skimp_reduce_scatter_sparse, input, 1, options)[0]);
  }
  /// One array a rank.
  std::vector<Sparse> allgather(const Sparse& input, const Options& options = {}) {
    return run(skimp_allgather_sparse, input, ranks(), options);
  }

 private:
  using Function = decltype(&skimp_allreduce);

  using SparseFunction = decltype(&skimp_allreduce_sparse);

  std::vector<Sparse> run(SparseFunction function, const Sparse& input, std::uint64_t results,
                          const Options& options) {
    const skimp_options c_options = options.c_options();
    std::vector<skimp_sparse*> made(results);
    check(function(handle(), input.handle(), &c_options, made.data()));
    std::vector<Sparse> arrays;
    for (skimp_sparse* array : made) arrays.emplace_back(array);
    return arrays;
  }

  std::uint64_t ranks() const { return static_cast<std::uint64_t>(world_size()); }

  void run(Function function, const void* input, void* output, std::uint64_t count,
           skimp_dtype dtype, const Options& options) {
    const skimp_options c_options = options.c_options();
    check(function(handle(), input, output, count, dtype, &c_options));
  }
  template <class Input, class Output>
  void run(Function function, const Input& input, Output& output, std::uint64_t wanted,
           const Options& options) {
    if (std::ranges::size(output) != wanted) {
      throw Error(SKIMP_INVALID_ARGUMENT,
                  "output has " + std::to_string(std::ranges::size(output)) +
                      " elements, but this call gives " + std::to_string(wanted));
    }
    run(function, std::ranges::data(input), std::ranges::data(output), std::ranges::size(input),
        dtype_of<element_of<Input>>, options);
  }
};

/// Chosen once, run often; see skimp_plan_create. The communicator must outlive it.
class Plan : public Handle<skimp_plan, skimp_plan_destroy> {
 public:
  Plan(Communicator& communicator, skimp_collective collective, std::uint64_t count,
       skimp_dtype dtype, const Options& options = {})
      : Handle(create(communicator, collective, count, dtype, options)) {}

  /// Pointers to as many elements as the plan was made for; `stream` is of a plan for a device.
  void run(const void* input, void* output, Residual* residual = nullptr, void* stream = nullptr) {
    check(skimp_plan_run_in_stream(handle(), input, output, residual ? residual->handle() : nullptr,
                                   stream));
  }

  std::string text() const { return skimp_plan_text(handle()); }

  /// Of the last run; before the first, the prediction.
  skimp_report report() const { return report_of<skimp_plan>(skimp_plan_report, handle()); }

 private:
  static skimp_plan* create(Communicator& communicator, skimp_collective collective,
                            std::uint64_t count, skimp_dtype dtype, const Options& options) {
    const skimp_options c_options = options.c_options();
    skimp_plan* plan = nullptr;
    check(skimp_plan_create(communicator.handle(), collective, count, dtype, &c_options, &plan));
    return plan;
  }
};

}  // namespace skimp::api

#include "skimp/steps.hpp"  // made of the above
