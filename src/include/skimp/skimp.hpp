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
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "skimp/skimp.h"

namespace skimp::api {

class Error : public std::runtime_error {
 public:
  Error(skimp_status status, const std::string& message)
      : std::runtime_error(message), status_(status) {}
  skimp_status status() const { return status_; }

 private:
  skimp_status status_;
};

/// Throws what a C function reported.
inline void check(skimp_status status) {
  if (status != SKIMP_OK) throw Error(status, skimp_last_error_message());
}

// ---- Ranges of values ---------------------------------------------------------------------------

/// The skimp_dtype of an element type. Specialise it for a half type of yours.
template <class Element>
inline constexpr skimp_dtype dtype_of = skimp_dtype{};
template <>
inline constexpr skimp_dtype dtype_of<float> = SKIMP_FLOAT32;
template <>
inline constexpr skimp_dtype dtype_of<double> = SKIMP_FLOAT64;

template <class Range>
using element_of = std::remove_cv_t<std::ranges::range_value_t<Range>>;

template <class Range>
concept Values = std::ranges::contiguous_range<Range> && std::ranges::sized_range<Range> &&
                 dtype_of<element_of<Range>> != skimp_dtype{};

template <class Range>
concept WritableValues =
    Values<Range> &&
    !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<Range>>>;

template <class Range, class Input>
concept OutputFor = WritableValues<Range> && std::same_as<element_of<Range>, element_of<Input>>;

/// Owns a C object.
template <class Object, void (*destroy)(Object*)>
class Handle {
 public:
  explicit Handle(Object* object) : object_(object) {}
  Object* handle() const { return object_.get(); }

 private:
  struct Destroy {
    void operator()(Object* object) const { destroy(object); }
  };
  std::unique_ptr<Object, Destroy> object_;
};

// ---- Codecs, residuals, frames ------------------------------------------------------------------

/// Error-feedback state of one array; see skimp_residual_create.
class Residual : public Handle<skimp_residual, skimp_residual_destroy> {
 public:
  explicit Residual(std::uint64_t count, skimp_dtype dtype = SKIMP_FLOAT32, bool in_place = false)
      : Handle(create(count, dtype, in_place)) {}

  /// In the memory of a device; see skimp_residual_create_on_device.
  static Residual on_device(int device, std::uint64_t count, skimp_dtype dtype = SKIMP_FLOAT32,
                            bool in_place = false) {
    skimp_residual* residual = nullptr;
    check(skimp_residual_create_on_device(count, dtype, in_place, device, &residual));
    return Residual(residual);
  }

  /// For allreduce alone; see skimp_residual_create_ef21.
  static Residual ef21(std::uint64_t count, skimp_dtype dtype = SKIMP_FLOAT32) {
    skimp_residual* residual = nullptr;
    check(skimp_residual_create_ef21(count, dtype, &residual));
    return Residual(residual);
  }

  /// For allreduce alone; see skimp_residual_create_momentum.
  static Residual momentum(double momentum, std::uint64_t count, skimp_dtype dtype = SKIMP_FLOAT32,
                           double clip = 0, bool masking = true) {
    skimp_residual* residual = nullptr;
    check(skimp_residual_create_momentum(count, dtype, momentum, clip, masking, &residual));
    return Residual(residual);
  }

  std::uint64_t step() const { return skimp_residual_step(handle()); }
  int device() const { return skimp_residual_device(handle()); }
  void* data() { return skimp_residual_data(handle()); }
  void save(void* values, std::uint64_t count) const {
    check(skimp_residual_save(handle(), values, count));
  }
  void load(const void* values, std::uint64_t count, std::uint64_t step) {
    check(skimp_residual_load(handle(), values, count, step));
  }

  /// The codec's memory; see skimp_residual_memory.
  std::uint64_t memory_count() const { return skimp_residual_memory_count(handle()); }
  void* memory() { return skimp_residual_memory(handle()); }
  void load_memory(const void* values, std::uint64_t count) {
    check(skimp_residual_load_memory(handle(), values, count));
  }
  void save_memory(void* values, std::uint64_t count) const {
    check(skimp_residual_save_memory(handle(), values, count));
  }

  /// See skimp_residual_copy.
  Residual copied_to(int device) const {
    skimp_residual* copy = nullptr;
    check(skimp_residual_copy(handle(), device, &copy));
    return Residual(copy);
  }

  void rescale(double factor) { check(skimp_residual_rescale(handle(), factor)); }

  /// What a variant keeps; see skimp_residual_array.
  void* array(const char* name) { return skimp_residual_array(handle(), name); }
  void save_array(const char* name, void* values, std::uint64_t count) const {
    check(skimp_residual_save_array(handle(), name, values, count));
  }

 private:
  explicit Residual(skimp_residual* residual) : Handle(residual) {}

  static skimp_residual* create(std::uint64_t count, skimp_dtype dtype, bool in_place) {
    skimp_residual* residual = nullptr;
    check(skimp_residual_create(count, dtype, in_place, &residual));
    return residual;
  }
};

/// A codec from its text, "topk(density=0.01)". Immutable, so threads may share it.
class Codec : public Handle<skimp_codec, skimp_codec_destroy> {
 public:
  explicit Codec(const std::string& text) : Handle(create(text)) {}

  std::string text() const { return skimp_codec_text(handle()); }

  std::vector<std::byte> encode(const void* input, std::uint64_t count, skimp_dtype dtype,
                                Residual* residual = nullptr) const {
    std::uint64_t bytes = 0;
    check(skimp_frame_bytes(handle(), count, dtype, &bytes));
    std::vector<std::byte> frame(bytes);
    check(skimp_encode(handle(), input, count, dtype, residual ? residual->handle() : nullptr,
                       frame.data(), frame.size(), &bytes));
    frame.resize(bytes);
    return frame;
  }
  /// Of an array on a device; see skimp_encode_on_device.
  std::vector<std::byte> encode_on_device(const void* input, std::uint64_t count, skimp_dtype dtype,
                                          void* stream, Residual* residual = nullptr) const {
    std::uint64_t bytes = 0;
    check(skimp_frame_bytes(handle(), count, dtype, &bytes));
    std::vector<std::byte> frame(bytes);
    check(skimp_encode_on_device(handle(), input, count, dtype,
                                 residual ? residual->handle() : nullptr, frame.data(),
                                 frame.size(), &bytes, stream));
    frame.resize(bytes);
    return frame;
  }
  template <Values Input>
  std::vector<std::byte> encode(const Input& input, Residual* residual = nullptr) const {
    return encode(std::ranges::data(input), std::ranges::size(input), dtype_of<element_of<Input>>,
                  residual);
  }

 private:
  static skimp_codec* create(const std::string& text) {
    skimp_codec* codec = nullptr;
    check(skimp_codec_create(text.c_str(), &codec));
    return codec;
  }
};

inline skimp_frame_info inspect(std::span<const std::byte> frame) {
  skimp_frame_info info{};
  info.info_bytes = sizeof info;
  check(skimp_frame_inspect(frame.data(), frame.size(), &info));
  return info;
}

/// Decodes a frame into `output`, which has as many elements as the frame.
template <WritableValues Output>
void decode(std::span<const std::byte> frame, Output&& output) {
  check(skimp_decode(frame.data(), frame.size(), std::ranges::data(output),
                     std::ranges::size(output), dtype_of<element_of<Output>>));
}

/// Decodes a frame into an array on a device; see skimp_decode_on_device.
inline void decode_on_device(std::span<const std::byte> frame, void* output, std::uint64_t count,
                             skimp_dtype dtype, void* stream) {
  check(skimp_decode_on_device(frame.data(), frame.size(), output, count, dtype, stream));
}

// ---- Graphs of gossip ---------------------------------------------------------------------------

/// Who mixes with whom; see skimp_graph_create. Immutable, so threads may share it.
class Graph : public Handle<skimp_graph, skimp_graph_destroy> {
 public:
  Graph(const std::string& name, int world_size) : Handle(create(name, world_size)) {}
  /// world_size · world_size weights, row by row.
  Graph(std::span<const double> weights, int world_size) : Handle(create(weights, world_size)) {}

  int world_size() const { return skimp_graph_world_size(handle()); }
  double weight(int a, int b) const { return skimp_graph_weight(handle(), a, b); }
  double spectral_gap() const { return skimp_graph_spectral_gap(handle()); }
  double step_size(const Codec& codec, std::uint64_t count) const {
    double step_size = 0;
    check(skimp_graph_step_size(handle(), codec.handle(), count, &step_size));
    return step_size;
  }

 private:
  static skimp_graph* create(const std::string& name, int world_size) {
    skimp_graph* graph = nullptr;
    check(skimp_graph_create(name.c_str(), world_size, &graph));
    return graph;
  }
  static skimp_graph* create(std::span<const double> weights, int world_size) {
    const auto ranks = static_cast<std::size_t>(world_size < 0 ? 0 : world_size);
    if (weights.size() != ranks * ranks) {
      throw Error(SKIMP_INVALID_ARGUMENT, "graph: " + std::to_string(weights.size()) +
                                              " weights, " + std::to_string(world_size) +
                                              " ranks need the square of that");
    }
    skimp_graph* graph = nullptr;
    check(skimp_graph_create_from_weights(weights.data(), world_size, &graph));
    return graph;
  }
};

// ---- Communicators ------------------------------------------------------------------------------

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

/// Entries of an array that is zero elsewhere; see skimp_sparse_create.
class Sparse : public Handle<skimp_sparse, skimp_sparse_destroy> {
 public:
  /// Takes over a C object.
  explicit Sparse(skimp_sparse* sparse) : Handle(sparse) {}

  /// Indices of std::int32_t or std::int64_t, as many as values.
  template <std::ranges::contiguous_range Indices, Values Range>
  Sparse(const Indices& indices, const Range& values, std::uint64_t count)
      : Handle(create(indices, values, count)) {}

  std::uint64_t count() const { return skimp_sparse_count(handle()); }
  std::uint64_t entries() const { return skimp_sparse_entries(handle()); }

  /// To arrays of entries() elements.
  void read(std::int64_t* indices, void* values) const {
    check(skimp_sparse_read(handle(), indices, values));
  }
  /// To an array of count() elements.
  void to_dense(void* output) const { check(skimp_sparse_to_dense(handle(), output)); }

 private:
  template <class Indices, class Range>
  static skimp_sparse* create(const Indices& indices, const Range& values, std::uint64_t count) {
    using Index = element_of<Indices>;
    static_assert(std::is_same_v<Index, std::int32_t> || std::is_same_v<Index, std::int64_t>);
    if (std::ranges::size(indices) != std::ranges::size(values)) {
      throw Error(SKIMP_INVALID_ARGUMENT,
                  std::to_string(std::ranges::size(indices)) + " indices, but " +
                      std::to_string(std::ranges::size(values)) + " values");
    }
    skimp_sparse* sparse = nullptr;
    check(skimp_sparse_create(std::ranges::data(indices), sizeof(Index), std::ranges::data(values),
                              std::ranges::size(values), count, dtype_of<element_of<Range>>,
                              &sparse));
    return sparse;
  }
};

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

  void recv(void* output, std::uint64_t count, skimp_dtype dtype, int source, int tag = 0) {
    check(skimp_recv(handle(), output, count, dtype, source, tag));
  }
  /// `output` has as many elements as were sent.
  template <WritableValues Output>
  void recv(Output&& output, int source, int tag = 0) {
    recv(std::ranges::data(output), std::ranges::size(output), dtype_of<element_of<Output>>, source,
         tag);
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
