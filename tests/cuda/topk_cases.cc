// TopK's kernels, compiled here with the address sanitizer, where their parts are asked for.
//
//   topk_cases guesses   whether a guess hits, where that is known, and what it leads to
//   topk_cases indices   every coding, of indices up to 2^41: the bits, and what is read from them
//   topk_cases far       the last tile of an array of more than 2^32 elements

#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "cuda/codecs/topk/topk_decode.cu"
#include "cuda/codecs/topk/topk_encode.cu"
#include "cuda/device/memory.cu"
#include "tests/cuda/arrays.h"
#include "tests/cuda/far.h"

namespace {

using namespace skimp::cuda;
using skimp::DeviceStatus;
using skimp::topk::Format;
using skimp::topk::KernelArguments;

// ---- Guesses ------------------------------------------------------------------------------------

/// The status of an encode that keeps k; what it kept must be the k largest. Nothing may wait for
/// the host: an emulated stream has done nothing until it is waited for.
DeviceStatus encode(const std::vector<float>& values, std::uint64_t k) {
  const std::uint64_t count = values.size();
  const KernelArguments arguments{{count, k, Format::float32, DType::float32}, Format::float32};
  const Exact input(4 * count), payload(arguments.layout.bytes), decoded(4 * count);
  const auto bytes = skimp::topk::device_workspace_bytes(count, k, DType::float32);
  const Exact workspace(bytes.encode), decode_workspace(bytes.decode);
  input.take(values.data());
  DeviceStatus status = 0, decode_status = 0;
  skimp::EncodeJob job;
  job.input = input.data();
  job.count = count;
  job.payload = payload.data();
  job.workspace = workspace.data();
  std::memset(payload.data(), 0xAB, arguments.layout.bytes);
  check(skimp_cuda_topk_encode(stream, job, arguments, &status));
  skimp::DecodeJob back;
  back.payload = payload.data();
  back.count = count;
  back.output.data = decoded.data();
  back.workspace = decode_workspace.data();
  check(skimp_cuda_topk_decode(stream, back, arguments, &decode_status));
  for (std::uint64_t i = 0; i < arguments.layout.bytes; ++i) {
    require(payload.data()[i] == std::byte{0xAB}, "guesses: somebody has waited");
  }
  wait();
  require(decode_status == 0, "guesses: what was encoded is corrupt");
  std::vector<float> magnitudes;
  for (const float value : values) magnitudes.push_back(std::abs(value));
  std::nth_element(magnitudes.begin(), magnitudes.end() - static_cast<std::ptrdiff_t>(k),
                   magnitudes.end());
  const float least = magnitudes[count - k];
  std::uint64_t above = 0, kept = 0;
  for (std::uint64_t i = 0; i < count; ++i) above += std::abs(values[i]) > least;
  std::uint64_t ties = k - above;
  for (std::uint64_t i = 0; i < count; ++i) {
    const bool tie = std::abs(values[i]) == least && ties > 0;
    ties -= tie;
    const bool keep = tie || std::abs(values[i]) > least;
    const auto value = skimp::load<float>(decoded.data() + 4 * i);
    require(value == (keep ? values[i] : 0), skimp::text("guesses: element ", i, " of ", count));
    kept += keep;
  }
  require(kept == k, "guesses: not k");
  return status;
}

void check_guesses() {
  constexpr std::uint64_t count = 50'000, k = 500, sampled = 8192, step = 5;
  std::vector<float> values(count);
  Random random(1);
  const auto fill = [&](auto value_of) {
    for (std::uint64_t i = 0; i < count; ++i) values[i] = static_cast<float>(value_of(i));
  };
  const auto noise = [&] { return 1 + static_cast<double>(random.below(1 << 20)) / (1 << 20); };
  const auto meets = [](std::uint64_t i) { return i % step == 0 && i / step < sampled; };
  const auto expect = [&](const char* what, DeviceStatus expected) {
    require(encode(values, k) == expected, std::string("guesses: ") + what);
  };
  fill([&](std::uint64_t) { return noise(); });
  expect("noise", skimp::hit_status);
  fill([&](std::uint64_t i) { return i % 1000 == 0 ? 1 : 0; });
  expect("zeros and few others, all of which are listed", skimp::hit_status);
  fill([](std::uint64_t) { return -0.7; });
  expect("all equal", skimp::missed_status);
  fill([](std::uint64_t i) { return i % 2 == 0 ? 1 : -2; });
  expect("two values", skimp::missed_status);
  std::uint64_t left = k - 1;
  fill([&](std::uint64_t i) {
    return meets(i) && left > 0 && left-- > 0 ? 100 * noise() : noise();
  });
  expect("the sample meets all that is large: a list that has room", skimp::missed_status);
  left = 20'000;
  fill(
      [&](std::uint64_t i) { return !meets(i) && left > 0 && left-- > 0 ? 9 + noise() : noise(); });
  expect("the sample misses what is large: no room in the list", skimp::missed_status);
  left = 20'000;
  fill([&](std::uint64_t i) { return !meets(i) && left > 0 && left-- > 0 ? 9 : noise(); });
  expect("the same with ties", skimp::missed_status);
  std::printf("guesses agree\n");
}

// ---- Indices ------------------------------------------------------------------------------------

void set_bits(std::byte* string, std::uint64_t first, std::uint64_t bits, int n) {
  for (int i = 0; i < n; ++i) {
    const std::uint64_t at = first + static_cast<std::uint64_t>(i);
    string[at / 8] |= static_cast<std::byte>((bits >> i & 1) << at % 8);
  }
}

/// As docs/wire_format.md has it, bit by bit.
void write_plainly(const IndexShape& shape, const std::vector<std::uint64_t>& indices,
                   std::byte* to) {
  std::memset(to, 0, shape.bytes);
  const int l = shape.low_bits;
  for (std::uint64_t j = 0; j < shape.k; ++j) {
    switch (shape.coding) {
      case IndexCoding::bitmap: set_bits(to, indices[j], 1, 1); break;
      case IndexCoding::words: set_bits(to, 32 * j, indices[j], 32); break;
      case IndexCoding::elias_fano:
        set_bits(to, j * static_cast<std::uint64_t>(l), indices[j], l);
        set_bits(to + shape.low_bytes, (indices[j] >> l) + j, 1, 1);
    }
  }
}

/// One float for every index, in the midst of nothing. Only what is touched takes memory.
void check_indices_of(std::uint64_t count, std::uint64_t k, IndexCoding coding, float* output) {
  const IndexShape shape(count, k);
  const std::string what = skimp::text("indices: ", k, " of ", count);
  require(shape.coding == coding, what + " are coded otherwise");
  Random random(count + k);
  std::set<std::uint64_t> chosen{0, count - 1};
  while (chosen.size() > k) chosen.erase(chosen.begin());
  while (chosen.size() < k) {
    const std::uint64_t near = count - 1 - random.below(k + 5), far = random.below(count);
    chosen.insert(random.one_in(3) && near < count ? near : far);
  }
  const std::vector<std::uint64_t> indices(chosen.begin(), chosen.end());
  for (const std::uint64_t begin : {0, 1, 2}) {  // where in a word the payload's part begins
    const Exact kept(8 * k), part(begin + shape.bytes), expected(begin + shape.bytes);
    kept.take(indices.data());
    const auto* from = reinterpret_cast<const std::uint64_t*>(kept.data());
    launch(write_indices, {2, 1, 0}, stream, shape, from, part.data() + begin);
    wait();
    write_plainly(shape, indices, expected.data() + begin);
    require(std::memcmp(part.data() + begin, expected.data() + begin, shape.bytes) == 0, what);

    std::vector<float> values(k, 3.0f);
    DeviceStatus status = 0;
    const Exact workspace(skimp::topk::BitRows(shape).number * skimp::topk::row_bytes);
    const auto place = [&](const IndexShape& as) {
      const Entries<float> entries{as,
                                   Format::float32,
                                   nullptr,
                                   reinterpret_cast<const std::byte*>(values.data()),
                                   part.data() + begin,
                                   output,
                                   Delivery<float>(skimp::Output{.add = true}),
                                   &status};
      queue_entries(stream, entries, workspace.data());
      wait();
    };
    place(shape);
    require(status == 0, what + ": refused");
    for (const std::uint64_t index : indices) {
      require(output[index] == 3, what + ": an index is read otherwise");
      output[index] = 0;
    }
    IndexShape shorter = shape;
    shorter.count = count - 1;  // of which the last index is not one
    place(shorter);
    require(status == skimp::index_status, what + ": not refused");
    for (const std::uint64_t index : indices) output[index] = 0;
  }
}

void check_indices() {
  constexpr std::uint64_t most = (std::uint64_t{1} << 41) + 77;
  auto* output = reinterpret_cast<float*>(reserve(4 * most));
  check_indices_of(100'003, 30'000, IndexCoding::bitmap, output);
  check_indices_of(100'003, 1000, IndexCoding::elias_fano, output);
  check_indices_of(std::uint64_t{1} << 32, 4, IndexCoding::words, output);
  check_indices_of((std::uint64_t{1} << 32) + 1, 4, IndexCoding::elias_fano, output);
  check_indices_of((std::uint64_t{3} << 31) + 77, 5000, IndexCoding::elias_fano, output);
  check_indices_of(most, 1, IndexCoding::elias_fano, output);
  check_indices_of(most, 40'000, IndexCoding::elias_fano, output);
  std::printf("indices agree\n");
}

// ---- Far tiles ----------------------------------------------------------------------------------

/// The survey of the last tile lists what is there, and its row keeps it, from the list and from
/// the array.
void check_far_tile() {
  constexpr std::uint64_t count = (std::uint64_t{3} << 31) + 77,
                          capacity = 4 * skimp::topk::list_parts;
  const std::uint64_t tiles = tiles_of<float>(count), last = tiles - 1, rows = rows_of(tiles);
  const std::uint64_t begin = last * tile_count<float>;
  require(count - begin == 77, "far: the last tile has another length");
  auto* input = reinterpret_cast<skimp::BFloat16*>(reserve(2 * count));
  auto* sums = reinterpret_cast<float*>(reserve(4 * count));
  auto* ranges = reinterpret_cast<std::uint64_t*>(reserve(8 * tiles));
  auto* totals = reinterpret_cast<Totals*>(reserve(sizeof(Totals) * rows));
  const std::vector<std::uint64_t> large{begin, begin + 33, begin + 76};
  for (const std::uint64_t i : large) input[i] = skimp::to_bfloat16(-5);
  input[begin + 1] = skimp::to_bfloat16(1);  // listed, not kept
  input[begin + 2] = skimp::to_bfloat16(0.25f);

  float listed_values[capacity];
  std::uint16_t places[capacity];
  std::uint64_t counts[skimp::topk::list_parts * skimp::topk::count_bytes / 8] = {};
  const List<float> list{listed_values, places,   ranges,
                         counts,        capacity, skimp::topk::Rounding<float>(Format::float32)};
  Search<float> search{};
  search.bound = skimp::topk::key_of(0.5f);
  DeviceStatus status = 0;
  const Values<skimp::BFloat16> values{input, nullptr, count, true};
  run_one(last, tiles, scratch_bytes,
          [&] { survey<skimp::BFloat16>(values, sums, true, list, 3, &search, &status); });
  const auto part = static_cast<unsigned>(last % skimp::topk::list_parts);
  require(list.count_of(part) == 4 && search.largest == skimp::topk::key_of(5.0f) &&
              ranges[last] == (std::uint64_t{part} * 4 << List<float>::length_bits | 4),
          "far: the survey lists otherwise");
  for (const std::uint64_t i : large) require(sums[i] == 0, "far: a rest is not where it belongs");
  require(sums[begin + 2] == 0.25f, "far: a sum is not where it belongs");
  run_one(last, tiles, scratch_bytes, [&] { restore<float>(list, count, &search, sums); });
  for (const std::uint64_t i : large) require(sums[i] == -5, "far: a sum has not come back");

  search.range = KeyRange<float>{skimp::topk::key_of(5.0f), 0, 0, 3};
  const Values<float> again{sums, nullptr, count, true};
  for (const unsigned in_list : {1u, 0u}) {
    search.in_list = in_list;
    const Exact kept(3 * 8), stored(3 * 4);
    const Kept<float> to{stored.data(), Format::float32, nullptr,
                         reinterpret_cast<std::uint64_t*>(kept.data())};
    run_one(rows - 1, rows, scratch_bytes,
            [&] { count_kept<float>(again, list, totals, &search); });
    require(totals[rows - 1].kept == 0 && totals[rows - 1].ties == 3, "far: counted otherwise");
    totals[rows - 1] = {0, 0};
    run_one(rows - 1, rows, scratch_bytes,
            [&] { write_kept<float>(again, list, totals, &search, to, nullptr); });
    require(std::memcmp(kept.data(), large.data(), 3 * 8) == 0, "far: other indices are kept");
  }
  std::printf("far tiles agree\n");
}

}  // namespace

int main(int arguments, char** argument) {
  const std::string mode = arguments == 2 ? argument[1] : "";
  if (mode == "guesses") {
    check_guesses();
  } else if (mode == "indices") {
    check_indices();
  } else if (mode == "far") {
    check_far_tile();
  } else {
    return 2;
  }
  return 0;
}
