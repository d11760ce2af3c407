// Kernels that take elements one by one, under the address sanitizer: arrays end where their memory
// ends. Reductions of ranks' values, gossip, entries, parts of a bucket and variants of feedback,
// compared with what the CPU makes of the same arrays.
#include <algorithm>
#include <vector>

#include "collectives/robust_column.h"
#include "cuda/codecs/parts.cu"
#include "cuda/collectives/entries.cu"
#include "cuda/collectives/mix.cu"
#include "cuda/collectives/robust.cu"
#include "cuda/device/memory.cu"
#include "cuda/feedback/variants.cu"
#include "tests/cuda/arrays.h"

namespace {

using skimp::bytes_of;

constexpr DType dtypes[] = {DType::float32, DType::float16, DType::bfloat16, DType::float64};

template <class Value>
Value* values_of(const Exact& array) {
  return reinterpret_cast<Value*>(array.data());
}

/// NaN of any kind is alike: the kernels leave it to codecs to write but one.
template <class Value>
bool alike(Value a, Value b) {
  return (skimp::is_nan(a) && skimp::is_nan(b)) || std::memcmp(&a, &b, sizeof a) == 0;
}

// ---- Values of all ranks ------------------------------------------------------------------------

template <class Value>
void check_robust(Random& random, DType dtype) {
  const std::uint64_t count = random.below(200), stride = count + random.below(3);
  const int ranks = static_cast<int>(1 + random.below(random.one_in(4) ? 450 : 12));
  const int trim = static_cast<int>(random.below(static_cast<std::uint64_t>(ranks + 1) / 2));
  const auto rows = static_cast<std::uint64_t>(ranks);
  const std::uint64_t all = (rows - 1) * stride + count;
  const Exact values(all * sizeof(Value)), votes(all * sizeof(Value));
  random.fill(values, dtype, all);
  votes.take(values.data());
  std::vector<Value> mean, vote;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::vector<skimp::robust::KeyOf<Value>> keys;
    std::int64_t balance = 0;
    for (std::uint64_t r = 0; r < rows; ++r) {
      const Value value = values_of<Value>(values)[r * stride + i];
      keys.push_back(skimp::robust::key_of(value));
      balance += (value > 0) - (value < 0);
    }
    std::sort(keys.begin(), keys.end());
    Value sum = 0;
    for (int r = trim; r < ranks - trim; ++r) {
      const Value value = skimp::robust::value_of<Value>(keys[static_cast<std::size_t>(r)]);
      sum = r == trim ? value : sum + value;
    }
    mean.push_back(sum / static_cast<Value>(ranks - 2 * trim));
    vote.push_back(static_cast<Value>((balance > 0) - (balance < 0)));
  }
  check(skimp_cuda_trimmed_mean(stream, {values.data(), dtype, stride, count, ranks}, trim));
  check(skimp_cuda_vote(stream, {votes.data(), dtype, stride, count, ranks}));
  wait();
  for (std::uint64_t i = 0; i < count; ++i) {
    require(alike(values_of<Value>(values)[i], mean[i]), "a trimmed mean differs");
    require(alike(values_of<Value>(votes)[i], vote[i]), "a vote differs");
  }
}

// ---- Gossip -------------------------------------------------------------------------------------

void check_mix(Random& random, DType dtype) {
  const DType wide = skimp::accumulator_of(dtype);
  const std::uint64_t count = random.below(600), bytes = count * bytes_of(wide);
  const Exact input(count * bytes_of(dtype)), output(input.bytes()), expected(input.bytes());
  random.fill(input, dtype, count);
  // own, theirs, difference, lost, and the state: three vectors before and three after.
  std::vector<std::unique_ptr<Exact>> there, here;
  for (int i = 0; i < 10; ++i) {
    there.push_back(std::make_unique<Exact>(bytes));
    here.push_back(std::make_unique<Exact>(bytes));
    random.fill(*there.back(), wide, count);
    here.back()->take(there.back()->data());
  }
  const Exact broken(count), expected_broken(count);
  const bool stateful = !random.one_in(3);
  const auto move_of = [&](const auto& arrays, const Exact& to, const Exact& flags) {
    skimp::Move move;
    move.input = input.data();
    move.output = to.data();
    move.dtype = dtype;
    move.count = count;
    move.step_size = 0.3;
    if (stateful) {
      move.before = {arrays[4]->data(), arrays[5]->data(), arrays[6]->data()};
      move.after = {arrays[7]->data(), arrays[8]->data(), arrays[9]->data()};
    }
    move.own = arrays[0]->data();
    move.theirs = arrays[1]->data();
    move.difference = arrays[2]->data();
    move.lost = arrays[3]->data();
    move.broken = flags.data();
    return move;
  };
  const skimp::Move on_device = move_of(there, output, broken);
  const skimp::Move on_host = move_of(here, expected, expected_broken);
  check(skimp_cuda_mix_begin(stream, on_device));
  check(skimp_cuda_mix_edge(stream, on_device, 0.25));
  check(skimp_cuda_mix_edge(stream, on_device, 0.125));
  check(skimp_cuda_mix_finish(stream, on_device));
  wait();
  skimp::begin_move(on_host);
  skimp::add_edge(on_host, 0.25);
  skimp::add_edge(on_host, 0.125);
  skimp::finish_move(on_host);
  require(output == expected, "what a rank moves to differs");
  for (std::size_t i = 7; i < 10 && stateful; ++i) {
    require(*there[i] == *here[i], "a state differs");
  }
}

// ---- Entries ------------------------------------------------------------------------------------

template <class Element>
void check_entries(Random& random, DType dtype) {
  using Value = typename skimp::Accumulator<Element>::type;
  const DType wide = skimp::accumulator_of(dtype);
  const std::uint64_t count = random.below(2000), density = 1 + random.below(20);
  std::vector<std::uint64_t> chosen;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (random.one_in(density)) chosen.push_back(i);
  }
  const std::uint64_t n = chosen.size();
  const Exact indices(n * sizeof(std::uint64_t)), values(n * sizeof(Value));
  indices.take(chosen.data());
  random.fill(values, wide, n);
  const Exact output(count * sizeof(Element)), residual(count * sizeof(Value));
  random.fill(output, dtype, count);
  random.fill(residual, wide, count);
  const Exact expected(output.bytes()), left(residual.bytes());
  expected.take(output.data());
  left.take(residual.data());
  const auto divisor = static_cast<Value>(1 + random.below(9));
  for (std::uint64_t j = 0; j < n; ++j) {
    const Value value = values_of<Value>(values)[j];
    skimp::store(expected.data() + chosen[j] * sizeof(Element),
                 skimp::rounded<Element>(value / divisor));
    Value& rest = values_of<Value>(left)[chosen[j]];
    rest = skimp::is_finite(rest + value) ? rest + value : Value{0};
  }
  const SkimpEntries entries{values_of<std::uint64_t>(indices), values.data(), n, wide};
  check(skimp_cuda_put_entries(stream, entries, {output.data(), dtype, divisor}));
  check(skimp_cuda_leave_entries(stream, entries, residual.data()));
  wait();
  require(output == expected, "an entry in its place differs");
  require(residual == left, "an entry that is left out differs");
}

// ---- Parts of a bucket --------------------------------------------------------------------------

void check_parts(Random& random) {
  const bool mixed = random.one_in(2);
  const DType common = mixed ? DType::float32 : dtypes[random.below(4)];
  std::vector<std::unique_ptr<Exact>> arrays, copies;
  std::vector<skimp_part> parts;
  std::uint64_t count = 0;
  for (std::uint64_t i = random.below(80); i > 0; --i) {
    const DType dtype = mixed ? dtypes[random.below(3)] : common;
    const std::uint64_t n = random.below(random.one_in(8) ? 2000 : 40);
    arrays.push_back(std::make_unique<Exact>(n * bytes_of(dtype)));
    copies.push_back(std::make_unique<Exact>(n * bytes_of(dtype)));
    random.fill(*arrays.back(), dtype, n, Random::Kind::normal);
    parts.push_back({arrays.back()->data(), n, static_cast<skimp_dtype>(dtype)});
    count += n;
  }
  const Exact buffer(count * bytes_of(common));
  check(skimp_cuda_pack(stream, parts.data(), parts.size(), buffer.data(), common));
  wait();
  const std::byte* at = buffer.data();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    skimp::visit_dtype(static_cast<DType>(parts[i].dtype), [&](auto element) {
      using Element = decltype(element);
      for (std::uint64_t j = 0; j < parts[i].count; ++j, at += bytes_of(common)) {
        const auto* from = arrays[i]->data() + j * sizeof(Element);
        if constexpr (sizeof(Element) == 2) {
          if (common == DType::float32) {
            const float value = skimp::convert<float>(skimp::load<Element>(from));
            require(alike(skimp::load<float>(at), value), "a part is converted otherwise");
            continue;
          }
        }
        require(std::memcmp(at, from, sizeof(Element)) == 0, "a part differs");
      }
    });
    parts[i].array = copies[i]->data();
  }
  check(skimp_cuda_unpack(stream, buffer.data(), common, parts.data(), parts.size()));
  wait();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    require(*copies[i] == *arrays[i], "a part that comes back differs");
  }
}

// ---- Variants of feedback -----------------------------------------------------------------------

template <class Element>
void check_variants(Random& random, DType dtype) {
  using Value = typename skimp::Accumulator<Element>::type;
  const DType wide = skimp::accumulator_of(dtype);
  const std::uint64_t count = random.below(random.one_in(4) ? 20'000 : 300);
  const Exact input(count * sizeof(Element)), output(count * sizeof(Element));
  random.fill(input, dtype, count);
  const auto filled = [&] {
    auto array = std::make_unique<Exact>(count * sizeof(Value));
    random.fill(*array, wide, count);
    return array;
  };
  const auto values = filled(), mean = filled(), before = filled(), after = filled();
  const auto estimate = filled(), kept = filled(), velocity = filled();
  const std::vector<Value> left(values_of<Value>(*after), values_of<Value>(*after) + count);
  const skimp::FeedbackStep step{dtype,          count,        input.data(),   output.data(), 3,
                                 values->data(), mean->data(), before->data(), after->data()};
  const auto at = [](const auto& array, std::uint64_t i) { return values_of<Value>(*array)[i]; };
  const auto x = [&](std::uint64_t i) {
    return skimp::convert<Value>(skimp::load<Element>(input.data() + i * sizeof(Element)));
  };
  const auto require_output = [&](std::uint64_t i, Value value) {
    const Element element = skimp::rounded<Element>(value);
    require(std::memcmp(output.data() + i * sizeof element, &element, sizeof element) == 0,
            "a result differs");
  };

  check(skimp_cuda_momentum_before(stream, step, velocity->data(), 0.9, 0.5));
  wait();
  for (std::uint64_t i = 0; i < count; ++i) {
    const Value sent =
        skimp::momentum::accelerated(at(velocity, i), static_cast<Value>(0.9), x(i), Value(0.5));
    require(alike(at(values, i), sent), "a velocity differs");
  }
  for (const bool masking : {true, false}) {
    check(skimp_cuda_momentum_after(stream, step, velocity->data(), masking));
    wait();
    for (std::uint64_t i = 0; i < count; ++i) {
      const Value stays = skimp::momentum::kept(at(values, i), at(before, i), left[i], masking);
      require(alike(at(velocity, i), stays), "a velocity that stays differs");
      require_output(i, at(mean, i) * 3);
    }
  }

  check(skimp_cuda_ef21_before(stream, step, estimate->data()));
  wait();
  for (std::uint64_t i = 0; i < count; ++i) {
    require(alike(at(values, i), x(i) - at(estimate, i)), "a difference differs");
  }
  std::vector<Value> grown, estimates, means;
  for (std::uint64_t i = 0; i < count; ++i) {
    Value its_estimate = at(estimate, i), its_mean = at(kept, i);
    grown.push_back(skimp::ef21::grow(at(values, i), left[i], at(mean, i), its_estimate, its_mean));
    estimates.push_back(its_estimate);
    means.push_back(its_mean);
  }
  check(skimp_cuda_ef21_after(stream, step, estimate->data(), kept->data()));
  wait();
  for (std::uint64_t i = 0; i < count; ++i) {
    require(alike(at(estimate, i), estimates[i]) && alike(at(kept, i), means[i]),
            "an estimate differs");
    require(at(after, i) == 0, "something is left out");
    require_output(i, grown[i] * 3);
  }

  const std::uint64_t spans = skimp::divide_up(count, skimp::momentum::span_elements);
  const Exact sums(spans * sizeof(double));
  check(skimp_cuda_sums_of_squares(stream, step, values_of<double>(sums)));
  wait();
  for (std::uint64_t s = 0; s < spans; ++s) {
    double lanes[32] = {};
    const std::uint64_t begin = s * skimp::momentum::span_elements;
    const std::uint64_t end = std::min(count, begin + skimp::momentum::span_elements);
    for (std::uint64_t i = begin; i < end; ++i) {
      const double wider = x(i);
      lanes[(i - begin) % 32] += wider * wider;
    }
    for (int width = 16; width > 0; width /= 2) {
      for (int j = 0; j < width; ++j) lanes[j] += lanes[j + width];
    }
    require(alike(values_of<double>(sums)[s], lanes[0]), "a sum of squares differs");
  }
}

}  // namespace

int main(int arguments, char** argument) {
  if (arguments != 3) return 2;
  Random random(std::strtoull(argument[1], nullptr, 10));
  const std::uint64_t jobs = std::strtoull(argument[2], nullptr, 10);
  for (std::uint64_t i = 0; i < jobs; ++i) {
    check_robust<float>(random, DType::float32);
    check_robust<double>(random, DType::float64);
    check_parts(random);
    for (const DType dtype : dtypes) {
      check_mix(random, dtype);
      skimp::visit_dtype(dtype, [&](auto element) {
        check_entries<decltype(element)>(random, dtype);
        check_variants<decltype(element)>(random, dtype);
      });
    }
  }
  std::printf("%llu jobs\n", static_cast<unsigned long long>(jobs));
  return 0;
}
