// The kernels, compiled here with the address sanitizer, against the library's C functions: random
// jobs whose arrays end where their memory ends.
//
//   same_bytes jobs SEED JOBS   random jobs: the CPU's payload and residual, and what it reads; and
//                               payloads with some bits changed
//   same_bytes far              the last block of arrays of more than 2^32 elements
//   same_bytes overrun          a payload a byte too short, which the sanitizer must find
//   same_bytes race             a kernel without a barrier; prints what depends on the order

#include <cstdio>
#include <cstdlib>
#include <skimp/skimp.hpp>
#include <string>
#include <vector>

#include "cuda/device/memory.cu"
#include "tests/cuda/arrays.h"
#include "tests/cuda/codec_kernels.h"
#include "tests/cuda/far.h"

namespace {

namespace api = skimp::api;

const DType dtypes[] = {DType::float32, DType::float16, DType::bfloat16, DType::float64};

// ---- Random jobs --------------------------------------------------------------------------------

/// One array and what the CPU makes of it.
struct Subject {
  Subject(Random& random, const std::string& codec_text)
      : dtype(dtypes[random.below(4)]),
        count(random.below(random.one_in(3) ? 30'000 : 400)),
        bytes_each(bytes_of(accumulator_of(dtype))),
        input(count * bytes_of(dtype), random.one_in(2) ? bytes_of(dtype) : 0),
        residual(count * bytes_each, random.one_in(4) ? bytes_each : 0),
        expected_residual(count * bytes_each),
        with_residual(!random.one_in(3)) {
    random.fill(input, dtype, count);
    random.fill(residual, accumulator_of(dtype), count);
    api::Residual state(count, static_cast<skimp_dtype>(dtype));
    state.load(residual.data(), count, 7);
    frame = api::Codec(codec_text)
                .encode(input.data(), count, static_cast<skimp_dtype>(dtype),
                        with_residual ? &state : nullptr);
    state.save(expected_residual.data(), count);
  }
  std::uint64_t payload_bytes() const { return frame.size() - 64; }
  const std::byte* payload() const { return frame.data() + 64; }

  DType dtype;
  std::uint64_t count;
  std::uint64_t bytes_each;
  Exact input, residual, expected_residual;
  bool with_residual;
  std::vector<std::byte> frame;
};

void check_encode(Random& random, const Kernels& kernels, const Subject& subject) {
  const Exact payload(subject.payload_bytes());
  const Exact rest(subject.count * subject.bytes_each);
  const Exact workspace(kernels.workspace_bytes(subject.count, subject.dtype).encode);
  DeviceStatus status = 0;
  EncodeJob job;
  job.input = subject.input.data();
  job.dtype = subject.dtype;
  job.count = subject.count;
  job.payload = payload.data();
  job.workspace = workspace.data();
  job.random.call = subject.with_residual ? 7 : 0;
  if (subject.with_residual) {
    job.residual_in = subject.residual.data();
    job.residual_out = rest.data();
    if (random.one_in(3)) {  // in place
      rest.take(subject.residual.data());
      job.residual_in = rest.data();
    }
  }
  check(kernels.encode(job, &status));
  wait();
  const std::string what =
      kernels.text + skimp::text(" of ", subject.count, ' ', name_of(subject.dtype));
  require(std::memcmp(payload.data(), subject.payload(), subject.payload_bytes()) == 0,
          what + ": payload differs");
  const bool nonfinite = api::inspect(subject.frame).nonfinite != 0;
  status &= ~(skimp::hit_status | skimp::missed_status);
  require(status == (nonfinite ? skimp::nonfinite_status : 0), what + ": status differs");
  if (subject.with_residual) {
    require(rest == subject.expected_residual, what + ": residual differs");
  }
}

/// Which NaN a sum is, when one goes in, is left to the processor; what is written of it is not.
template <class Value>
void make_nan_canonical(const Exact& values, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    std::byte* place = values.data() + i * sizeof(Value);
    skimp::store(place, skimp::canonical(skimp::load<Value>(place)));
  }
}

template <class Element, class Value>
void check_decode_to(Random& random, const Kernels& kernels, const Subject& subject, DType to) {
  DecodeJob job;
  job.count = subject.count;
  job.dtype = subject.dtype;
  job.output.dtype = to;
  job.output.add = sizeof(Element) == sizeof(Value) && random.one_in(2);
  job.output.divisor = job.output.add ? 1 : static_cast<double>(1 + random.below(5));
  const std::uint64_t bytes = subject.count * sizeof(Element);
  const std::uint64_t skipped = random.one_in(2) ? sizeof(Element) : 0;
  const Exact payload(subject.payload_bytes()), output(bytes, skipped), expected(bytes);
  const Exact decoded(subject.count * sizeof(Value));
  payload.take(subject.payload());
  random.fill(output, to, subject.count);
  expected.take(output.data());
  api::check(skimp_decode(subject.frame.data(), subject.frame.size(), decoded.data(), subject.count,
                          sizeof(Value) == 4 ? SKIMP_FLOAT32 : SKIMP_FLOAT64));
  for (std::uint64_t i = 0; i < subject.count; ++i) {
    const auto value = skimp::load<Value>(decoded.data() + i * sizeof(Value));
    std::byte* place = expected.data() + i * sizeof(Element);
    auto element = skimp::load<Element>(place);
    if constexpr (sizeof(Element) == sizeof(Value)) {
      element = job.output.add ? element + value
                               : skimp::canonical(value / static_cast<Value>(job.output.divisor));
    } else {
      element = skimp::rounded<Element>(value / static_cast<Value>(job.output.divisor));
    }
    skimp::store(place, element);
  }
  const Exact workspace(kernels.workspace_bytes(subject.count, subject.dtype).decode);
  job.payload = payload.data();
  job.workspace = workspace.data();
  job.output.data = output.data();
  DeviceStatus status = 0;
  check(kernels.decode(job, &status));
  wait();
  const std::string what = kernels.text + skimp::text(" to ", name_of(to), ", divisor ",
                                                      job.output.divisor, ", add ", job.output.add);
  require(status == 0, what + ": status");
  if (job.output.add) {
    make_nan_canonical<Value>(output, subject.count);
    make_nan_canonical<Value>(expected, subject.count);
  }
  require(output == expected, what + ": values differ");

  // Some bits changed, then any bytes: nothing outside.
  for (std::uint64_t i = random.below(4); i < 4 && subject.payload_bytes() > 0; ++i) {
    payload.data()[random.below(subject.payload_bytes())] ^= std::byte{1} << random.below(8);
  }
  check(kernels.decode(job, &status));
  wait();
  random.fill(payload, DType::float16, subject.payload_bytes() / 2);
  check(kernels.decode(job, &status));
  wait();
}

void check_decode(Random& random, const Kernels& kernels, const Subject& subject) {
  if (subject.dtype == DType::float64) {
    return check_decode_to<double, double>(random, kernels, subject, DType::float64);
  }
  switch (random.below(3)) {
    case 0: return check_decode_to<float, float>(random, kernels, subject, DType::float32);
    case 1: return check_decode_to<skimp::Half, float>(random, kernels, subject, DType::float16);
    default:
      return check_decode_to<skimp::BFloat16, float>(random, kernels, subject, DType::bfloat16);
  }
}

void check_jobs(std::uint64_t seed, std::uint64_t jobs) {
  Random random(seed);
  for (std::uint64_t i = 0; i < jobs; ++i) {
    const Kernels kernels = random_kernels(random);
    const Subject subject(random, kernels.text);
    check_encode(random, kernels, subject);
    check_decode(random, kernels, subject);
  }
  std::printf("%llu jobs\n", static_cast<unsigned long long>(jobs));
}

// ---- Far indices --------------------------------------------------------------------------------

/// The last block of `count` elements must be what the same values are as an array of their own.
template <class MakeEncoder, class MakeDecoder>
void check_far(const char* what, unsigned block, std::uint64_t code_bits, MakeEncoder make_encoder,
               MakeDecoder make_decoder) {
  using namespace skimp::cuda;
  const std::uint64_t count = (std::uint64_t{3} << 31) + 77;
  const std::uint64_t blocks = skimp::divide_up(count, block), last = blocks - 1;
  const std::uint64_t begin = last * block, n = count - begin;
  require(n == 77 % block && begin > std::uint64_t{1} << 32, "the last block is not far");
  const auto scales_bytes = [&](std::uint64_t elements) {
    return skimp::divide_up(elements, block) * sizeof(float);
  };

  std::byte* input = reserve(count * 2);
  std::byte* rest = reserve(count * 4);
  std::byte* output = reserve(count * 4);
  std::byte* payload = reserve(scales_bytes(count) + count);
  const Exact near_input(n * 2), near_rest(n * 4), near_output(n * 4), near_payload(4 + n);
  Random(1).fill(near_input, DType::bfloat16, n, Random::Kind::normal);
  std::memcpy(input + begin * 2, near_input.data(), n * 2);

  DeviceStatus status = 0;
  const auto encode = [&](std::uint64_t elements, std::uint64_t index, const std::byte* from,
                          std::byte* to, std::byte* left) {
    const Encoding<skimp::BFloat16> job{reinterpret_cast<const skimp::BFloat16*>(from),
                                        nullptr,
                                        reinterpret_cast<float*>(left),
                                        reinterpret_cast<float*>(to),
                                        elements,
                                        block,
                                        block,
                                        true,
                                        &status};
    const auto encoder = make_encoder(to + scales_bytes(elements), elements, begin - index * block);
    using Encoder = std::remove_const_t<decltype(encoder)>;
    run_one(index, skimp::divide_up(elements, block), block * sizeof(float),
            [&] { encode_blocks<skimp::BFloat16, Encoder>(job, encoder); });
  };
  encode(n, 0, near_input.data(), near_payload.data(), near_rest.data());
  encode(count, last, input, payload, rest);
  const std::byte* codes = payload + scales_bytes(count) + begin * code_bits / 8;
  require(std::memcmp(payload + last * 4, near_payload.data(), 4) == 0 &&
              std::memcmp(codes, near_payload.data() + 4, (n * code_bits + 7) / 8) == 0 &&
              std::memcmp(rest + begin * 4, near_rest.data(), n * 4) == 0,
          std::string(what) + ": the far block is encoded otherwise");

  const auto decode = [&](std::uint64_t elements, std::uint64_t index, const std::byte* from,
                          std::byte* to) {
    const Decoding<float, float> job{
        reinterpret_cast<const float*>(from), elements, block, Delivery<float>({}), true,
        reinterpret_cast<float*>(to),         &status};
    const auto decoder = make_decoder(from + scales_bytes(elements), elements);
    using Decoder = std::remove_const_t<decltype(decoder)>;
    run_one(index, skimp::divide_up(elements, block), 0,
            [&] { decode_blocks<float, float, Decoder>(job, decoder); });
  };
  decode(n, 0, near_payload.data(), near_output.data());
  decode(count, last, payload, output);
  require(std::memcmp(output + begin * 4, near_output.data(), n * 4) == 0,
          std::string(what) + ": the far block is decoded otherwise");
  require(status == 0, std::string(what) + ": status");
}

void check_far_indices() {
  using namespace skimp::cuda;
  check_far(
      "sign", 2048, 1,
      [](std::byte* bits, std::uint64_t, std::uint64_t) { return SignEncoder{bits}; },
      [](const std::byte* bits, std::uint64_t) { return SignDecoder<float>{bits}; });
  const auto check_far_codes = []<int bits>(std::integral_constant<int, bits>) {
    check_far(
        "quantize", 256, bits,
        [](std::byte* planes, std::uint64_t, std::uint64_t first) {
          return QuantizeEncoder<bits, true>{planes, nullptr, 1, {}, first};
        },
        [](const std::byte* planes, std::uint64_t) {
          return QuantizeDecoder<bits, float>{planes, nullptr};
        });
  };
  check_far_codes(std::integral_constant<int, 8>{});
  check_far_codes(std::integral_constant<int, 4>{});
  check_far_codes(std::integral_constant<int, 2>{});
  std::printf("far blocks agree\n");
}

// ---- Planted faults -----------------------------------------------------------------------------

void overrun() {
  const Exact input(100 * 4);
  Random(1).fill(input, DType::float32, 100);
  const Exact payload(4 + 13 - 1);
  DeviceStatus status = 0;
  EncodeJob job;
  job.input = input.data();
  job.count = 100;
  job.payload = payload.data();
  check(sign(2048).encode(job, &status));
  wait();
}

void sum_of_neighbours(unsigned* result) {
  auto* shared = reinterpret_cast<unsigned*>(skimp::cuda::shared_memory());
  shared[threadIdx.x] = 0;
  __syncwarp();
  shared[threadIdx.x] = threadIdx.x;  // no barrier after this
  skimp::cuda::report(result, shared[(threadIdx.x + 1) % 32] << (threadIdx.x % 16));
}

void race() {
  unsigned result = 0;
  skimp::cuda::launch(sum_of_neighbours, {1, 1, 32 * sizeof(unsigned)}, stream, &result);
  wait();
  std::printf("%u\n", result);
}

}  // namespace

int main(int arguments, char** argument) {
  const std::string mode = arguments > 1 ? argument[1] : "";
  if (mode == "jobs" && arguments == 4) {
    check_jobs(std::stoull(argument[2]), std::stoull(argument[3]));
  } else if (mode == "far") {
    check_far_indices();
  } else if (mode == "overrun") {
    overrun();
  } else if (mode == "race") {
    race();
  } else {
    return 2;
  }
  return 0;
}
