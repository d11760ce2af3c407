/// Sparse arrays and their collectives in the C ABI.
#include <cstring>

#include "capi/guard.h"
#include "capi/objects.h"
#include "codecs/elements.h"
#include "collectives/sparse_calls.h"

using skimp::Entries;
using skimp::require;
using skimp::SparseArray;
using skimp::SparseCall;
using skimp::capi::checked_count;
using skimp::capi::checked_dtype;
using skimp::capi::guard;
using skimp::capi::require_pointer;

struct skimp_sparse {
  SparseArray array;
};

namespace {

/// Index i of an array of int32 or int64.
std::int64_t index_at(const void* indices, int index_bytes, std::uint64_t i) {
  const auto* from = static_cast<const std::byte*>(indices);
  return index_bytes == 4 ? skimp::load<std::int32_t>(from + 4 * i)
                          : skimp::load<std::int64_t>(from + 8 * i);
}

template <class Value>
Entries<Value> read_given(const SparseArray& array, const void* indices, int index_bytes,
                          const void* values, std::uint64_t n) {
  Entries<Value> entries;
  entries.resize(n);
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::int64_t index = index_at(indices, index_bytes, i);
    require(index >= 0 && static_cast<std::uint64_t>(index) < array.count, "sparse: index ", index,
            " at position ", i, " is not from 0 to below count = ", array.count);
    entries.indices[i] = static_cast<std::uint64_t>(index);
  }
  if (n > 0) skimp::Source<Value>(values, array.dtype).load(0, n, entries.values.data());
  skimp::sort_entries(entries);
  return entries;
}

SparseCall make_call(skimp_collective collective, const skimp_options* options) {
  SparseCall call{.collective = collective, .op = SKIMP_MEAN, .algorithm = ""};
  if (options == nullptr) return call;
  const skimp_options& checked = skimp::capi::checked_options(*options);
  const bool lossless =
      checked.codec == nullptr || checked.codec->codec->id() == skimp::CodecId::identity;
  require(lossless && checked.broadcast_codec == nullptr && checked.residual == nullptr &&
              checked.nonfinite == SKIMP_PROPAGATE,
          "a sparse array is sent without loss: codec, broadcast_codec and residual must be NULL, "
          "nonfinite SKIMP_PROPAGATE");
  require(checked.device == SKIMP_HOST,
          "a sparse array lies in host memory: device = ", checked.device, " is not SKIMP_HOST");
  require(checked.op == SKIMP_MEAN || checked.op == SKIMP_SUM,
          "a sparse array is added up: op = ", static_cast<int>(checked.op),
          " is neither SKIMP_MEAN nor SKIMP_SUM");
  call.op = checked.op;
  if (checked.algorithm != nullptr) call.algorithm = checked.algorithm;
  return call;
}

/// Fills as many results as the call gives.
skimp_status run(skimp_collective collective, skimp_communicator* communicator,
                 const skimp_sparse* input, const skimp_options* options, skimp_sparse** results) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    require_pointer(input, "input");
    require_pointer(results, "result");
    std::vector<std::unique_ptr<skimp_sparse>> made;
    for (SparseArray& array :
         skimp::run_sparse(communicator->communicator, make_call(collective, options), input->array,
                           communicator->report)) {
      made.push_back(std::make_unique<skimp_sparse>(skimp_sparse{std::move(array)}));
    }
    for (std::size_t i = 0; i < made.size(); ++i) results[i] = made[i].release();
  });
}

}  // namespace

skimp_status skimp_sparse_create(const void* indices, int index_bytes, const void* values,
                                 uint64_t entries, uint64_t count, skimp_dtype dtype,
                                 skimp_sparse** sparse) {
  return guard([&] {
    require_pointer(sparse, "sparse");
    require(index_bytes == 4 || index_bytes == 8, "sparse: index_bytes = ", index_bytes,
            " is neither 4 nor 8");
    SparseArray array{checked_count(count), checked_dtype(dtype), {}};
    checked_count(entries);
    if (entries > 0) {
      require_pointer(indices, "indices");
      require_pointer(values, "values");
    }
    skimp::visit_accumulator(array.dtype, [&](auto value) {
      array.entries = read_given<decltype(value)>(array, indices, index_bytes, values, entries);
    });
    *sparse = new skimp_sparse{std::move(array)};
  });
}

void skimp_sparse_destroy(skimp_sparse* sparse) { delete sparse; }

uint64_t skimp_sparse_count(const skimp_sparse* sparse) { return sparse->array.count; }

uint64_t skimp_sparse_entries(const skimp_sparse* sparse) { return sparse->array.size(); }

skimp_status skimp_sparse_read(const skimp_sparse* sparse, int64_t* indices, void* values) {
  return guard([&] {
    require_pointer(sparse, "sparse");
    if (sparse->array.size() == 0) return;
    require_pointer(indices, "indices");
    require_pointer(values, "values");
    std::visit(
        [&](const auto& held) {
          using Value = typename std::decay_t<decltype(held.values)>::value_type;
          std::copy(held.indices.begin(), held.indices.end(), indices);
          const skimp::Sink<Value> sink({values, sparse->array.dtype});
          skimp::for_each_tile(
              skimp::Source<Value>(held.values.data(), skimp::accumulator_of(sparse->array.dtype)),
              held.size(), [&](std::uint64_t begin, std::uint64_t n, const Value* tile) {
                sink.put(begin, n, tile);
              });
        },
        sparse->array.entries);
  });
}

skimp_status skimp_sparse_to_dense(const skimp_sparse* sparse, void* output) {
  return guard([&] {
    require_pointer(sparse, "sparse");
    if (sparse->array.count == 0) return;
    require_pointer(output, "output");
    std::visit(
        [&](const auto& held) {
          using Value = typename std::decay_t<decltype(held.values)>::value_type;
          const skimp::Sink<Value> sink({output, sparse->array.dtype});
          sink.clear(sparse->array.count);
          sink.scatter(0, held.size(), held.indices.data(), held.values.data());
        },
        sparse->array.entries);
  });
}

skimp_status skimp_allreduce_sparse(skimp_communicator* communicator, const skimp_sparse* input,
                                    const skimp_options* options, skimp_sparse** result) {
  return run(SKIMP_ALLREDUCE, communicator, input, options, result);
}

skimp_status skimp_reduce_scatter_sparse(skimp_communicator* communicator,
                                         const skimp_sparse* input, const skimp_options* options,
                                         skimp_sparse** result) {
  return run(SKIMP_REDUCE_SCATTER, communicator, input, options, result);
}

skimp_status skimp_allgather_sparse(skimp_communicator* communicator, const skimp_sparse* input,
                                    const skimp_options* options, skimp_sparse** results) {
  return run(SKIMP_ALLGATHER, communicator, input, options, results);
}
