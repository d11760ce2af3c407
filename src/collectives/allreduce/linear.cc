#include "collectives/allreduce/linear.h"

#include "codecs/registry.h"
#include "collectives/allreduce/dense_direct.h"
#include "collectives/device_queue.h"
#include "collectives/slices.h"
#include "collectives/stopwatch.h"

namespace skimp {
namespace {

/// The dense sum of one round's buffer.
Call round_call(const Call& call, std::uint64_t count) {
  Call dense;
  dense.count = count;
  dense.dtype = accumulator_of(call.dtype);
  dense.op = SKIMP_SUM;
  dense.codec = codec_from_text("identity");
  dense.broadcast_codec = dense.codec;
  dense.device = call.device;
  return dense;
}

class Linear final : public Runner {
 public:
  Linear(const Call& call, const World& world)
      : call_(call), world_(world), rounds_(call.codec->linear_rounds(call.count, call.dtype)) {
    for (int round = 0; round < rounds_->rounds(); ++round) {
      const Call dense = round_call(call, rounds_->buffer_count(round));
      const std::uint64_t bytes = dense.count * bytes_of(dense.dtype);
      steps_.push_back({dense_direct.make(dense, world), PlacedMemory(bytes, call.device),
                        PlacedMemory(bytes, call.device)});
    }
    if (call.device != host_memory) {
      workspace_ = PlacedMemory(call.codec->device_workspace_bytes(call.count, call.dtype).encode,
                                call.device);
    }
  }

  void run(Run& run) override {
    EncodeJob job;
    job.input = run.input;
    job.dtype = call_.dtype;
    job.count = call_.count;
    job.residual_in = run.residual_in;
    job.residual_out = run.residual_out;
    job.memory_in = run.memory_in;
    job.memory_out = run.memory_out;
    job.workspace = workspace_.data();
    job.random = {run.call, shared_lane};
    job.streamed = is_streamed(call_);
    Exchanged exchanged;
    for (int round = 0; round < rounds_->rounds(); ++round) {
      Step& step = steps_[static_cast<std::size_t>(round)];
      make_buffer(run, round, job, exchanged, step.buffer.data());
      Run inner{.messenger = run.messenger};
      inner.queue = run.queue;
      inner.nonfinite = run.nonfinite;
      inner.input = step.buffer.data();
      inner.output = step.sum.data();
      inner.first_round = run.first_round + 2 * round;
      step.runner->run(inner);
      run.nonfinite |= inner.nonfinite;
      run.codec_seconds += inner.codec_seconds;
      exchanged.push_back({step.buffer.data(), step.sum.data()});
    }
    finish(run, job, exchanged);
  }

  bool begins_with_memory() const override { return true; }

 private:
  using Exchanged = std::vector<LinearRounds::Exchanged>;

  struct Step {
    std::unique_ptr<Runner> runner;
    PlacedMemory buffer;
    PlacedMemory sum;
  };

  void make_buffer(Run& run, int round, const EncodeJob& job, const Exchanged& before,
                   void* buffer) {
    const Stopwatch stopwatch(run.codec_seconds);
    if (run.queue == nullptr) {
      run.nonfinite |= rounds_->make_buffer(round, job, before, buffer);
    } else {
      rounds_->make_buffer_on(run.queue->stream(), round, job, before, buffer, run.queue->word());
    }
  }

  void finish(Run& run, const EncodeJob& job, const Exchanged& exchanged) {
    const Stopwatch stopwatch(run.codec_seconds);
    const Output output{.data = run.output,
                        .dtype = call_.dtype,
                        .divisor = divisor_of(call_, world_),
                        .streamed = is_streamed(call_.count * bytes_of(call_.dtype))};
    if (run.queue == nullptr) {
      rounds_->finish(job, exchanged, output);
    } else {
      rounds_->finish_on(run.queue->stream(), job, exchanged, output);
    }
  }

  Call call_;
  World world_;
  std::unique_ptr<LinearRounds> rounds_;
  std::vector<Step> steps_;
  PlacedMemory workspace_;  ///< of kernels
};

std::string refuses(const Call& call, const World&) {
  if (call.codec->traits().linear) return "";
  return "adds payloads without decoding them, which those of " + call.codec->text() +
         " do not allow";
}

Cost cost(const Call& call, const World& world) {
  const auto rounds = call.codec->linear_rounds(call.count, call.dtype);
  Cost total;
  for (int round = 0; round < rounds->rounds(); ++round) {
    const Cost dense = dense_direct.cost(round_call(call, rounds->buffer_count(round)), world);
    total.bytes_sent += dense.bytes_sent;
    total.rounds += dense.rounds;
  }
  return total;
}

}  // namespace

const Algorithm linear = {"linear", SKIMP_ALLREDUCE, refuses, cost, make_runner<Linear>};

}  // namespace skimp
