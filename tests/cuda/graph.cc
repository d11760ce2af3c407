// On a GPU: TopK's encode and decode captured in a CUDA graph, which then runs on other data, where
// the guess hits and where it misses. Its payloads must be those of calls that are not captured.
// Linked with the CUDA library.

#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <vector>

#include "codecs/topk/device_workspace.h"
#include "codecs/topk/kernels.h"

namespace {

using skimp::DeviceStatus;
using skimp::DType;
using skimp::topk::Format;

constexpr std::uint64_t count = 1'000'003, k = 10'000;

void require(bool condition, const char* what) {
  if (condition) return;
  std::printf("%s\n", what);
  std::exit(1);
}
void check(cudaError_t error) { require(error == cudaSuccess, cudaGetErrorString(error)); }
void check(skimp_status status) { require(status == SKIMP_OK, skimp_cuda_error()); }

template <class T>
T* allocate(std::uint64_t n) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, n * sizeof(T) + 1));
  return static_cast<T*>(memory);
}

/// Arrays of one encode and decode, and what queues them.
class Step {
 public:
  explicit Step(cudaStream_t queue) : stream_{0, queue} {}

  void take(const std::vector<float>& values) const {
    check(cudaMemcpy(input_, values.data(), 4 * count, cudaMemcpyDefault));
    check(cudaMemset(residual_, 0, 4 * count));
  }

  void queue() const {
    check(skimp_cuda_clear(stream_, status_, sizeof(DeviceStatus)));
    skimp::EncodeJob job;
    job.input = input_;
    job.count = count;
    job.residual_in = job.residual_out = residual_;
    job.payload = payload_;
    job.workspace = workspace_;
    check(skimp_cuda_topk_encode(stream_, job, arguments_, status_));
    skimp::DecodeJob back;
    back.payload = payload_;
    back.count = count;
    back.output.data = decoded_;
    back.workspace = workspace_;
    check(skimp_cuda_topk_decode(stream_, back, arguments_, status_));
  }

  /// Payload, what is left, what is decoded, and the status, byte after byte.
  std::vector<unsigned char> result() const {
    std::vector<unsigned char> all(arguments_.layout.bytes + 8 * count + sizeof(DeviceStatus));
    unsigned char* to = all.data();
    const auto copy = [&](const void* from, std::uint64_t bytes) {
      check(cudaMemcpy(to, from, bytes, cudaMemcpyDefault));
      to += bytes;
    };
    copy(payload_, arguments_.layout.bytes);
    copy(residual_, 4 * count);
    copy(decoded_, 4 * count);
    copy(status_, sizeof(DeviceStatus));
    return all;
  }
  DeviceStatus status() const {
    DeviceStatus status = 0;
    check(cudaMemcpy(&status, status_, sizeof status, cudaMemcpyDefault));
    return status;
  }

 private:
  skimp::DeviceStream stream_;
  skimp::topk::KernelArguments arguments_{{count, k, Format::float16, DType::float32},
                                          Format::float16};
  skimp::DeviceWorkspaceBytes bytes_ =
      skimp::topk::device_workspace_bytes(count, k, DType::float32);
  float* input_ = allocate<float>(count);
  float* residual_ = allocate<float>(count);
  float* decoded_ = allocate<float>(count);
  std::byte* payload_ = allocate<std::byte>(arguments_.layout.bytes);
  std::byte* workspace_ = allocate<std::byte>(std::max(bytes_.encode, bytes_.decode));
  DeviceStatus* status_ = allocate<DeviceStatus>(1);
};

void run(const Step& captured, cudaGraphExec_t graph, const Step& plain, cudaStream_t queue,
         DeviceStatus expected, const std::function<double(std::uint64_t)>& value_of) {
  std::vector<float> values(count);
  for (std::uint64_t i = 0; i < count; ++i) values[i] = static_cast<float>(value_of(i));
  captured.take(values);
  plain.take(values);
  check(cudaGraphLaunch(graph, queue));
  plain.queue();
  check(cudaStreamSynchronize(queue));
  require(captured.status() == expected, "a guess was worth something else");
  require(captured.result() == plain.result(), "the graph gives other bytes");
}

}  // namespace

int main() {
  cudaStream_t queue = nullptr;
  check(cudaStreamCreate(&queue));
  const Step captured(queue), plain(queue);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t instance = nullptr;
  check(cudaStreamBeginCapture(queue, cudaStreamCaptureModeThreadLocal));
  captured.queue();
  check(cudaStreamEndCapture(queue, &graph));
  check(cudaGraphInstantiate(&instance, graph, 0));
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  run(captured, instance, plain, queue, skimp::hit_status, [&](auto) { return normal(random); });
  run(captured, instance, plain, queue, skimp::missed_status, [](auto) { return -0.7; });
  run(captured, instance, plain, queue, skimp::hit_status, [&](auto) { return normal(random); });
  std::printf("the graph agrees\n");
  return 0;
}
