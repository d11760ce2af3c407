// Low-rank's kernels, step by step, against the CPU's steps (Factors), both compiled here with the
// address sanitizer: random buckets on one to three ranks, whose arrays end where their memory
// ends.
//
//   lowrank_steps jobs SEED JOBS     random jobs: buffers, statuses, residuals, outputs, memories
//   lowrank_steps rounds SEED JOBS   the same by way of the codec's LinearRounds
//   lowrank_steps far                the last items of a matrix of more than 2^32 elements

#include <dlfcn.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "codecs/lowrank/factors.h"
#include "codecs/lowrank/lowrank.h"
#include "cuda/codecs/lowrank/lowrank.cu"
#include "cuda/device/memory.cu"
#include "device/library.h"
#include "tests/cuda/arrays.h"

/// The device library is this program.
void* skimp::device_function(const char* name) { return dlsym(RTLD_DEFAULT, name); }
void skimp::check_device(skimp_status status) {
  if (status != SKIMP_OK) fail(status, skimp_cuda_error());
}

namespace {

using skimp::DeviceStatus;
using skimp::EncodeJob;
using skimp::Output;
using skimp::lowrank::Factors;
using skimp::lowrank::Layout;
using skimp::lowrank::Piece;
using skimp::lowrank::Shape;

const DType dtypes[] = {DType::float32, DType::float16, DType::bfloat16, DType::float64};

// ---- Random jobs --------------------------------------------------------------------------------

Shape random_shape(Random& random) {
  switch (random.below(8)) {
    case 0: return {random.below(60), 1};
    case 1: return {random.below(4), random.below(40)};
    case 2: return {500 + random.below(600), 1 + random.below(40)};   // spans of rows
    case 3: return {1 + random.below(9), 4080 + random.below(4200)};  // spans of columns
    default: return {1 + random.below(70), 1 + random.below(140)};
  }
}

std::vector<Shape> random_shapes(Random& random) {
  if (random.one_in(40)) return std::vector<Shape>(40, {9, 12});  // more than a batch
  if (random.one_in(20)) return {{9'000, 3}};                     // more than threads hold
  if (random.one_in(40)) return {{66'000, 3}};                    // spans of spans
  std::vector<Shape> shapes(1 + random.below(4));
  for (Shape& shape : shapes) shape = random_shape(random);
  return shapes;
}

/// Values, sometimes with one that is not finite.
void fill(Random& random, const Exact& array, DType dtype, std::uint64_t count) {
  if (random.one_in(6)) return random.fill(array, dtype, count);
  random.fill(array, dtype, count, Random::Kind::normal);
  if (count > 0 && random.one_in(8)) {
    const std::uint64_t at = random.below(count) * bytes_of(dtype);
    std::memset(array.data() + at, 0xFF, bytes_of(dtype));  // a NaN of every type
  }
}

template <class Value>
constexpr DType wide = sizeof(Value) == 4 ? DType::float32 : DType::float64;

template <class Value>
struct Buffers {
  Buffers(std::uint64_t count) : bytes(count * sizeof(Value)), cpu(bytes), gpu(bytes) {}
  Value* on_cpu() const { return reinterpret_cast<Value*>(cpu.data()); }
  Value* on_gpu() const { return reinterpret_cast<Value*>(gpu.data()); }
  bool agree() const { return cpu == gpu; }

  std::uint64_t bytes;
  Exact cpu, gpu;
};

/// What one rank has.
template <class Value>
struct Rank {
  Rank(Random& random, const Layout& layout, DType dtype)
      : count(layout.count()),
        input(count * bytes_of(dtype), random.one_in(2) ? bytes_of(dtype) : 0),
        residual(count * sizeof(Value), random.one_in(2) ? sizeof(Value) : 0),
        rest(count),
        first(layout.first_count()),
        second(layout.second_count()),
        cpu_workspace(Factors<Value>::workspace_bytes(layout)),
        workspace(skimp::lowrank::DeviceWorkspace(layout, sizeof(Value)).bytes),
        factors(layout, cpu_workspace.data()) {
    fill(random, input, dtype, count);
    fill(random, residual, wide<Value>, count);
    job.input = input.data();
    job.dtype = dtype;
    job.count = count;
    if (!random.one_in(3)) job.residual_in = residual.data();
    if (!random.one_in(4)) job.residual_out = rest.on_gpu();
    if (job.residual_in != nullptr && job.residual_out != nullptr && random.one_in(2)) {
      rest.gpu.take(residual.data());
      job.residual_in = job.residual_out;
    }
    job.workspace = workspace.data();
  }

  std::uint64_t count;
  Exact input, residual;
  Buffers<Value> rest, first, second;
  Exact cpu_workspace, workspace;
  Factors<Value> factors;
  EncodeJob job;  ///< the kernels'

  /// The same job with a residual of its own.
  EncodeJob cpu_job() const {
    EncodeJob copy = job;
    if (job.residual_out != nullptr) copy.residual_out = rest.on_cpu();
    return copy;
  }
};

/// As the dense sum of a round: in the order of ranks, a NaN canonical.
template <class Value>
std::vector<Value> sum_of(const std::vector<const Value*>& parts, std::uint64_t count) {
  std::vector<Value> sum(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    Value total = parts[0][i];
    for (std::size_t r = 1; r < parts.size(); ++r) total += parts[r][i];
    sum[i] = skimp::canonical(total);
  }
  return sum;
}

template <class Value>
void check_delivery(Random& random, const Layout& layout, Rank<Value>& rank,
                    const std::vector<Value>& first, const std::vector<Value>& second,
                    const std::string& what) {
  const DType to = sizeof(Value) == 8 ? DType::float64 : dtypes[random.below(3)];
  Output output{.dtype = to, .divisor = static_cast<double>(1 + random.below(5))};
  if (to == wide<Value> && random.one_in(3)) output = {.dtype = to, .divisor = 1, .add = true};
  const std::uint64_t bytes = rank.count * bytes_of(to);
  const bool residual = rank.job.residual_out != nullptr;
  const bool decodes = !residual || !random.one_in(4);
  const Exact cpu(bytes), gpu(bytes, random.one_in(2) ? bytes_of(to) : 0);
  random.fill(cpu, to, rank.count, Random::Kind::normal);
  gpu.take(cpu.data());

  output.data = cpu.data();
  rank.factors.deliver(rank.cpu_job(), rank.second.on_cpu(), first.data(), second.data(),
                       decodes ? &output : nullptr);
  output.data = gpu.data();
  if (decodes && !output.add && to == rank.job.dtype && random.one_in(3)) {
    output.data = rank.input.data();  // over the input
  }
  const SkimpLowRankFactors factors{residual ? rank.second.on_gpu() : nullptr, first.data(),
                                    second.data()};
  check(skimp_cuda_lowrank_deliver(stream, layout, rank.job, factors, decodes ? &output : nullptr));
  wait();
  if (residual) require(rank.rest.agree(), what + ": residual differs");
  if (!decodes) return;
  std::memcpy(gpu.data(), output.data, bytes);
  if (output.add) {
    for (const Exact* values : {&cpu, &gpu}) {
      auto* sums = reinterpret_cast<Value*>(values->data());
      std::vector<Value> copied(rank.count);
      std::memcpy(copied.data(), sums, bytes);
      for (Value& value : copied) value = skimp::canonical(value);
      values->take(copied.data());
    }
  }
  require(cpu == gpu, what + ": output differs");
}

/// One rank, whose sums are what it has sent.
template <class Value>
void check_rounds(Random& random, DType dtype) {
  const std::vector<Shape> shapes = random_shapes(random);
  const std::string text =
      skimp::text("lowrank(rank=", 1 + random.below(6), ",shapes=", text_of(shapes), ")");
  skimp::Arguments arguments(text);
  const skimp::CodecPtr codec = make_lowrank(arguments);
  const Layout layout(codec->parameter(0), shapes);
  const std::uint64_t count = layout.count();
  Rank<Value> rank(random, layout, dtype);
  const Buffers<Value> memory(layout.second_count());
  const Exact last(memory.bytes), cpu_output(count * bytes_of(dtype));
  const Exact gpu_output(cpu_output.bytes());
  const Exact workspace(codec->device_workspace_bytes(count, dtype).encode);
  random.fill(last, wide<Value>, layout.second_count(), Random::Kind::normal);
  rank.job.memory_in = random.one_in(2) ? last.data() : nullptr;
  rank.job.memory_out = memory.on_gpu();
  rank.job.workspace = workspace.data();

  EncodeJob cpu_job = rank.cpu_job();
  cpu_job.memory_out = memory.on_cpu();
  cpu_job.workspace = nullptr;

  const auto rounds = codec->linear_rounds(count, dtype);
  const Buffers<Value>* buffers[] = {&rank.first, &rank.second};
  std::vector<skimp::LinearRounds::Exchanged> on_cpu, on_gpu;
  for (int round = 0; round < rounds->rounds(); ++round) {
    const Buffers<Value>& buffer = *buffers[round];
    const bool nonfinite = rounds->make_buffer(round, cpu_job, on_cpu, buffer.on_cpu());
    DeviceStatus status = 0;
    rounds->make_buffer_on(stream, round, rank.job, on_gpu, buffer.on_gpu(), &status);
    wait();
    require(buffer.agree(), text + ": a round's buffer differs");
    require(status == (nonfinite ? skimp::nonfinite_status : 0), text + ": status differs");
    on_cpu.push_back({buffer.on_cpu(), buffer.on_cpu()});
    on_gpu.push_back({buffer.on_gpu(), buffer.on_gpu()});
  }
  const Output output{.data = gpu_output.data(), .dtype = dtype, .divisor = 3};
  rounds->finish(cpu_job, on_cpu, {.data = cpu_output.data(), .dtype = dtype, .divisor = 3});
  rounds->finish_on(stream, rank.job, on_gpu, output);
  wait();
  require(rank.job.residual_out == nullptr || rank.rest.agree(), text + ": residual differs");
  require(cpu_output == gpu_output && memory.agree(), text + ": what rounds end with differs");
}

template <class Value>
void check_job(Random& random, DType dtype) {
  const std::vector<Shape> shapes = random_shapes(random);
  const Layout layout(1 + random.below(random.one_in(3) ? 32 : 5), shapes);
  const std::string what =
      skimp::text("rank ", layout.rank(), " of ", text_of(shapes), ' ', name_of(dtype));
  const Exact memory(layout.second_count() * sizeof(Value));
  fill(random, memory, wide<Value>, layout.second_count());
  if (random.one_in(3)) std::memset(memory.data(), 0, memory.bytes());
  const bool remembers = random.one_in(2);

  std::vector<std::unique_ptr<Rank<Value>>> ranks;
  std::vector<const Value*> firsts, seconds;
  const auto draws = static_cast<std::uint32_t>(random.below(9));
  for (std::uint64_t r = 0; r < 1 + random.below(3); ++r) {
    ranks.push_back(std::make_unique<Rank<Value>>(random, layout, dtype));
    Rank<Value>& rank = *ranks.back();
    rank.job.random = {draws, skimp::shared_lane};
    rank.job.memory_in = remembers ? memory.data() : nullptr;
    DeviceStatus status = 0;
    rank.factors.sketch(rank.job, rank.first.on_cpu());
    check(skimp_cuda_lowrank_sketch(stream, layout, rank.job, rank.first.on_gpu(), &status));
    wait();
    require(rank.first.agree(), what + ": first buffer differs");
    const bool finite = skimp::all_finite(rank.first.on_cpu(), layout.first_count());
    require(status == (finite ? 0 : skimp::nonfinite_status), what + ": status differs");
    firsts.push_back(rank.first.on_cpu());
  }
  const std::vector<Value> first = sum_of(firsts, layout.first_count());
  for (auto& rank : ranks) {
    const Buffers<Value> p(layout.first_count());
    DeviceStatus status = 0;
    rank->factors.project(rank->job, first.data(), rank->second.on_cpu());
    check(skimp_cuda_lowrank_project(stream, layout, rank->job, first.data(), p.on_gpu(),
                                     rank->second.on_gpu(), &status));
    wait();
    require(std::memcmp(p.on_gpu(), rank->factors.p(), layout.p_count() * sizeof(Value)) == 0,
            what + ": P differs");
    require(rank->second.agree(), what + ": second buffer differs");
    const bool finite = skimp::all_finite(rank->second.on_cpu(), layout.second_count());
    require(status == (finite ? 0 : skimp::nonfinite_status), what + ": status differs");
    seconds.push_back(rank->second.on_cpu());
  }
  const std::vector<Value> second = sum_of(seconds, layout.second_count());
  for (auto& rank : ranks) check_delivery(random, layout, *rank, first, second, what);

  const Buffers<Value> next(layout.second_count());
  EncodeJob job = ranks[0]->job;
  job.memory_out = next.on_gpu();
  ranks[0]->factors.remember(second.data(), next.on_cpu());
  check(skimp_cuda_lowrank_remember(stream, layout, job, second.data()));
  wait();
  require(next.agree(), what + ": memory differs");
}

void check_jobs(std::uint64_t seed, std::uint64_t jobs, bool by_rounds) {
  Random random(seed);
  for (std::uint64_t i = 0; i < jobs; ++i) {
    const DType dtype = dtypes[random.below(4)];
    skimp::visit_accumulator(dtype, [&](auto value) {
      using Value = decltype(value);
      by_rounds ? check_rounds<Value>(random, dtype) : check_job<Value>(random, dtype);
    });
  }
  std::printf("%llu jobs\n", static_cast<unsigned long long>(jobs));
}

// ---- Far indices --------------------------------------------------------------------------------

/// Zeros that take memory where they are touched.
template <class T>
T* reserve(std::uint64_t count) {
  void* memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(memory != MAP_FAILED, "no address space");
  return static_cast<T*>(memory);
}

/// Runs one warp.
template <class Kernel>
void run_warp(Kernel&& kernel) {
  blockDim.x = 32;
  skimp::emulation::Order order;
  skimp::emulation::Fibers::of(32).run(order, kernel,
                                       [](unsigned thread) { threadIdx.x = thread; });
}

/// The last column of M, M·S, Mᵀ·P̂ and M − P̂·Qᵀ of a matrix that is zero elsewhere, where every
/// sum is known.
void check_far() {
  using namespace skimp::cuda;
  using namespace skimp::cuda::lowrank;
  constexpr unsigned K = 4;
  const Layout layout(3, {{70'001, 65'537}});
  const Piece& piece = layout.pieces()[0];
  const std::uint64_t count = layout.count(), last_row = piece.rows - 1;
  require(count > std::uint64_t{1} << 32, "the matrix is not large");
  auto* input = reserve<skimp::BFloat16>(count);
  auto* rest = reserve<float>(count);
  auto* output = reserve<float>(count);
  auto* start = reserve<float>(piece.columns * K);
  auto* p = reserve<float>(piece.rows * K);
  auto* q = reserve<float>(piece.columns * layout.rank());
  auto* partial = reserve<float>(std::max(sketch_values(3, piece), projection_values(3, piece)));
  input[count - 1] = skimp::rounded<skimp::BFloat16>(3.0f);
  start[(piece.columns - 1) * K + 2] = 5;
  p[last_row * K + 2] = 7;
  q[3 * piece.columns - 1] = 0.25f;

  EncodeJob encode;
  encode.input = input;
  encode.dtype = DType::bfloat16;
  DeviceStatus status = 0;
  ProductJob<float> job{{}, Matrix<float>(encode), 3, start, partial, nullptr, &status};
  auto products = batches_of<Factored>([&](const Batch<Factored>& batch) { job.batch = batch; });
  const std::uint64_t sketches = sketch_items<float, K>(piece);
  products.add({piece, 0}, sketches);
  products.flush();
  run_warp([&] { sketch_span<float, K>(job, sketches - 1); });
  require(partial[sketch_values(3, piece) - 1] == 15, "the far row of P differs");

  job.factor = p;
  const std::uint64_t projections = project_items<float, K>(piece);
  products.add({piece, 0}, projections);
  products.flush();
  run_warp([&] { project_span<float, K>(job, projections - 1); });
  require(partial[projection_values(3, piece) - 1] == 21, "the far column of Q differs");

  const Output to{.data = output, .dtype = DType::float32};
  DeliverJob<float> deliver{{}, Matrix<float>(encode), 3, p, q, q, rest, Result<float>(&to)};
  auto strips = batches_of<Piece>([&](const Batch<Piece>& batch) { deliver.batch = batch; });
  const std::uint64_t items = deliver_items<float, K>(piece);
  strips.add(piece, items);
  strips.flush();
  run_warp([&] { deliver_strip<float, K>(deliver, items - 1); });
  require(output[count - 1] == 1.75f && rest[count - 1] == 1.25f, "the far element differs");
  require(status == 0, "status");
  std::printf("far items agree\n");
}

}  // namespace

int main(int count, char** arguments) {
  const std::string command = count > 1 ? arguments[1] : "";
  if ((command == "jobs" || command == "rounds") && count == 4) {
    check_jobs(std::strtoull(arguments[2], nullptr, 10), std::strtoull(arguments[3], nullptr, 10),
               command == "rounds");
  } else if (command == "far") {
    check_far();
  } else {
    std::printf("usage: lowrank_steps jobs|rounds SEED JOBS, or far\n");
    return 2;
  }
}
