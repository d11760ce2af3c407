#include "codecs/random_k/random_k.h"

#include "codecs/blocks.h"
#include "codecs/budget.h"
#include "codecs/elements.h"
#include "codecs/random_k/subset.h"
#include "codecs/sparse_sink.h"
#include "device/buffer.h"

namespace skimp {
namespace {

using random_k::for_each_member;

/// Which subset a payload holds.
struct Origin {
  std::uint64_t seed;
  std::uint32_t call;
  std::uint32_t lane;
};
static_assert(sizeof(Origin) == 16);

/// Writes the values at the members to `to`, in index order, and returns whether all values of the
/// job, members or not, are finite.
template <class Value>
bool gather(const EncodeJob& job, const std::uint64_t* subset, std::byte* to) {
  bool finite = true;
  for_each_tile(Source<Value>(job), job.count,
                [&](std::uint64_t begin, std::uint64_t n, const Value* values) {
                  for (std::uint64_t i = 0; i < n; ++i) finite &= is_finite(values[i]);
                  for_each_member(subset, begin, begin + n, [&](std::uint64_t i) {
                    store(to, canonical(values[i - begin]));
                    to += sizeof(Value);
                  });
                });
  return finite;
}

/// The residual of a job: zero at the members, which are sent exactly.
template <class Value>
void leave_out(const EncodeJob& job, const std::uint64_t* subset) {
  if (job.residual_out == nullptr) return;
  const Sink<Value> residual(residual_output<Value>(job));
  for_each_tile(Source<Value>(job), job.count,
                [&](std::uint64_t begin, std::uint64_t n, const Value* values) {
                  alignas(64) Value delivered[tile_elements] = {};
                  for_each_member(subset, begin, begin + n, [&](std::uint64_t i) {
                    delivered[i - begin] = values[i - begin];
                  });
                  put_residual(residual, begin, n, values, delivered);
                });
}

/// Writes the values, which lie at any address, to the members' places.
template <class Value>
void scatter(const std::byte* values, const std::uint64_t* subset, std::uint64_t count,
             const Output& output) {
  SparseSink<Value> sink(output, count);
  for_each_member(subset, 0, count, [&](std::uint64_t i) {
    const auto value = load<Value>(values);
    sink.put(0, 1, &i, &value);
    values += sizeof(Value);
  });
  sink.finish();
}

/// One round: the values at the members, reduced densely.
class RandomKRounds final : public LinearRounds {
 public:
  RandomKRounds(std::uint64_t seed, std::uint64_t k, std::uint64_t count)
      : seed_(seed), k_(k), subset_(random_k::subset_bytes(count)) {}

  int rounds() const override { return 1; }
  std::uint64_t buffer_count(int) const override { return k_; }

  bool make_buffer(int, const EncodeJob& job, std::span<const Exchanged>, void* buffer) override {
    random_k::draw_subset(seed_, job.random, k_, job.count, subset());
    return !visit_accumulator(job.dtype, [&](auto value) {
      return gather<decltype(value)>(job, subset(), static_cast<std::byte*>(buffer));
    });
  }

  /// The residual comes first: the output may be the input.
  void finish(const EncodeJob& job, std::span<const Exchanged> rounds,
              const Output& output) override {
    visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      leave_out<Value>(job, subset());
      scatter<Value>(static_cast<const std::byte*>(rounds[0].sum), subset(), job.count, output);
    });
  }

 private:
  std::uint64_t* subset() const { return subset_.as<std::uint64_t>(); }

  std::uint64_t seed_;
  std::uint64_t k_;
  Buffer subset_;
};

class RandomK final : public Codec {
 public:
  RandomK(const Budget& budget, std::uint64_t seed) : budget_(budget), seed_(seed) {}

  CodecId id() const override { return CodecId::random_k; }
  Traits traits() const override {
    return {.fixed_size = true,
            .linear = true,
            .sliceable = false,
            .blockwise = false,
            .contraction = true,
            .unbiased = false};
  }
  std::string text() const override {
    return skimp::text("random_k(", budget_.text(), ",seed=", seed_, ")");
  }
  std::uint64_t parameter(std::uint64_t count) const override { return budget_.kept(count); }

  std::uint64_t payload_bytes(std::uint64_t count, DType dtype) const override {
    return payload_bytes_of(budget_.kept(count), dtype);
  }
  std::uint64_t workspace_bytes(std::uint64_t count, DType) const override {
    return random_k::subset_bytes(count);
  }

  Encoded encode(const EncodeJob& job) const override {
    const std::uint64_t k = budget_.kept(job.count);
    auto* subset = reinterpret_cast<std::uint64_t*>(job.workspace);
    random_k::draw_subset(seed_, job.random, k, job.count, subset);
    store(job.payload, Origin{seed_, job.random.call, job.random.lane});
    const bool finite = visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      const bool all_finite = gather<Value>(job, subset, job.payload + sizeof(Origin));
      leave_out<Value>(job, subset);
      return all_finite;
    });
    return {payload_bytes_of(k, job.dtype), !finite};
  }

  void decode(Bytes payload, std::uint64_t count, DType dtype,
              const Output& output) const override {
    const std::uint64_t k = budget_.kept_of_received(count);
    require_payload_bytes("random_k", payload, payload_bytes_of(k, dtype));
    const auto origin = load<Origin>(payload.data());
    const Buffer subset(random_k::subset_bytes(count));
    random_k::draw_subset(origin.seed, {origin.call, origin.lane}, k, count,
                          subset.as<std::uint64_t>());
    visit_accumulator(dtype, [&](auto value) {
      scatter<decltype(value)>(payload.data() + sizeof(Origin), subset.as<std::uint64_t>(), count,
                               output);
    });
  }

  std::uint64_t kept(std::uint64_t count) const override { return budget_.kept_at_most(count); }

  std::unique_ptr<LinearRounds> linear_rounds(std::uint64_t count, DType) const override {
    return std::make_unique<RandomKRounds>(seed_, budget_.kept(count), count);
  }

 private:
  static std::uint64_t payload_bytes_of(std::uint64_t k, DType dtype) {
    return sizeof(Origin) + k * bytes_of(accumulator_of(dtype));
  }

  Budget budget_;
  std::uint64_t seed_;
};

}  // namespace

CodecPtr make_random_k(Arguments& arguments) {
  const Budget budget = Budget::take("random_k", arguments);
  return std::make_shared<RandomK>(budget, arguments.take_integer("seed").value_or(0));
}

CodecPtr random_k_from_parameter(std::uint64_t parameter) {
  require_intact(parameter <= largest_kept, "random_k: k = ", parameter, " in the header exceeds ",
                 largest_kept);
  return std::make_shared<RandomK>(Budget::of_k("random_k", parameter), 0);
}

}  // namespace skimp
