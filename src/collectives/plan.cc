#include "collectives/plan.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/checksum.h"
#include "base/float_environment.h"
#include "collectives/allreduce/hierarchical.h"
#include "collectives/mix/step_size.h"
#include "collectives/nodes.h"
#include "collectives/place.h"
#include "collectives/robust.h"
#include "collectives/slices.h"
#include "collectives/stopwatch.h"
#include "device/library.h"

namespace skimp {
namespace {

const char* policy_name(skimp_nonfinite policy) {
  switch (policy) {
    case SKIMP_PROPAGATE: return "propagate";
    case SKIMP_RAISE: return "raise";
    case SKIMP_SKIP: return "skip";
  }
  return "unknown";
}

/// The shortest text that reads back as x.
std::string text_of(double x) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, x).ptr};
}

/// All that ranks must agree on, in words that a MismatchError can quote.
std::string plan_text(const Call& call, const World& world, std::string_view algorithm) {
  std::string plan = text(name_of(call.collective), " count=", call.count,
                          " dtype=", name_of(call.dtype), " codec=", call.codec->text());
  if (call.collective == SKIMP_ALLREDUCE) {
    plan += " broadcast_codec=" + call.broadcast_codec->text();
  }
  if (call.collective == SKIMP_ALLREDUCE || call.collective == SKIMP_REDUCE_SCATTER) {
    plan += text(" op=", name_of(call.op));
    if (call.op == SKIMP_TRIMMED_MEAN) plan += text("(trim=", trim_of(call, world.size), ")");
  }
  if (call.collective == SKIMP_BROADCAST) plan += text(" root=", call.root);
  if (algorithm == hierarchical.name) plan += " nodes=" + name_of_nodes(world.nodes);
  if (call.collective == SKIMP_MIX) {
    plan += " graph=" + call.graph->text() + " step_size=" + text_of(call.step_size);
  }
  plan += text(" algorithm=", algorithm, " nonfinite=", policy_name(call.nonfinite),
               " world_size=", world.size);
  if (payload_place(call, world).stays) plan += " payloads=devices";
  return world.segment == default_segment ? plan : plan + text(" segment=", world.segment);
}

/// Headers that tell the peers, before anything else, whether this rank's values are finite.
std::uint64_t poll_bytes(const Call& call, const World& world) {
  if (call.nonfinite == SKIMP_PROPAGATE) return 0;
  return static_cast<std::uint64_t>(world.size - 1) * header_bytes;
}

/// Checks what only mix has, and fills in its default.
void complete_mix(Call& call, const World& world) {
  require(call.graph != nullptr, "mix: graph is missing");
  require(call.graph->world_size() == world.size, "mix: the graph is of ", call.graph->world_size(),
          " ranks, the communicator has ", world.size);
  require(call.step_size >= 0 && call.step_size <= 1, "mix: step_size = ", call.step_size,
          " is neither above 0 and at most 1, nor 0 for the default");
  if (call.step_size == 0) {
    call.step_size = default_step_size(*call.codec, call.count, *call.graph);
  }
}

/// An algorithm that reads payloads does without the link.
World world_of(const Communicator& communicator, const Algorithm& algorithm) {
  World world = communicator.world();
  if (algorithm.reads_payloads) world.link = nullptr;
  return world;
}

}  // namespace

std::shared_ptr<Plan> Plan::make(std::shared_ptr<Communicator> communicator, Call call,
                                 const std::string& algorithm) {
  const World world = communicator->world();
  if (call.collective == SKIMP_MIX) complete_mix(call, world);
  const std::uint64_t most = largest_count / static_cast<std::uint64_t>(world.size);
  require(call.count <= most, name_of(call.collective), ": count = ", call.count, " exceeds ",
          most);
  const bool reaches = world.link == nullptr || world.link->takes(call.device);
  require(call.device == host_memory || reaches, name_of(call.collective), ": device ", call.device,
          " is not the one that this rank joined ", communicator->transport_name(), " with");
  const Algorithm& row = find_algorithm(algorithm, call, world);
  call.codec->payload_bytes(call.count, call.dtype);  // Throws when k exceeds count.
  return std::shared_ptr<Plan>(new Plan(std::move(communicator), call, row));
}

Plan::Plan(std::shared_ptr<Communicator> communicator, const Call& call, const Algorithm& algorithm)
    : communicator_(std::move(communicator)),
      call_(call),
      world_(world_of(*communicator_, algorithm)),
      team_(communicator_->team()),
      algorithm_(algorithm),
      text_(plan_text(call, world_, algorithm.name)),
      report_{} {
  const bool alone = world_.size == 1;
  if (call.device != host_memory) {
    queue_ = std::make_unique<DeviceQueue>(payload_place(call, world_));
  }
  if (!alone) {
    runner_ = algorithm.make(call, world_);
  } else if (call.op == SKIMP_VOTE) {
    votes_ = PlacedMemory(call.count * bytes_of(accumulator_of(call.dtype)), call.device);
  }
  report_.report_bytes = sizeof report_;
  std::strncpy(report_.algorithm, alone ? "none" : algorithm.name, sizeof report_.algorithm - 1);
  report_.count = call.count;
  report_.input_bytes = call.count * bytes_of(call.dtype);
  if (alone) return;
  const Cost cost = algorithm.cost(call, world_);
  report_.predicted_bytes = cost.bytes_sent + poll_bytes(call, world_);
  report_.dense_bytes = dense_cost(call, world_).bytes_sent;
  report_.rounds = cost.rounds + (call.nonfinite == SKIMP_PROPAGATE ? 0 : 1);
}

bool Plan::run(const void* input, void* output, const ResidualView* residual, void* stream) {
  if (call_.collective == SKIMP_MIX) {
    const bool keeps_state = call_.codec->id() != CodecId::identity;
    require(keeps_state == (residual != nullptr), "mix: ", call_.codec->text(),
            keeps_state ? " needs a residual of 3 · count values" : " keeps no residual");
  }
  const FloatEnvironment float_environment;
  report_.encode_seconds = report_.wait_seconds = report_.seconds = 0;
  report_.nonfinite = report_.skipped = 0;
  report_.guess_hits = report_.guess_misses = 0;
  {
    const Stopwatch stopwatch(report_.seconds);
    const bool fresh = residual != nullptr && residual->fresh;
    communicator_->call(agreed_text(residual), fresh, shared_from_this(),
                        [&](Messenger& messenger) {
                          begin_on_device(messenger, stream);
                          execute(messenger, input, output, residual);
                          messenger.finish();
                          const Traffic& traffic = messenger.traffic();
                          report_.bytes_sent = traffic.bytes_sent;
                          report_.bytes_received = traffic.bytes_received;
                          report_.messages_sent = traffic.messages_sent;
                          report_.wait_seconds = traffic.wait_seconds;
                        });
  }
  if (report_.skipped != 0 && call_.nonfinite == SKIMP_RAISE) {
    fail(SKIMP_NONFINITE, name_of(call_.collective), ": NaN or Inf in the input or residual of ",
         "some rank; nothing was written and no residual changed");
  }
  return report_.skipped == 0;
}

void Plan::begin_on_device(Messenger& messenger, void* stream) {
  if (!queue_) return;
  if (!queue_->keeps_payloads()) return queue_->begin(stream);
  messenger.link_payloads(communicator_->link_queue({call_.device, stream}));
  queue_->begin(stream, [&messenger, this] {
    messenger.wait_for_stream([this] { return is_done(queue_->stream()); });
  });
}

/// What ranks must agree on in one run.
std::string Plan::agreed_text(const ResidualView* residual) const {
  std::string agreed = text_ + (residual == nullptr ? " feedback=no" : " feedback=yes");
  if (residual == nullptr || !residual->fresh) return agreed;
  agreed += skimp::text(" residual_step=", residual->step);
  if (residual->memory_in == nullptr || !runner_ || !runner_->begins_with_memory()) return agreed;
  const Buffer memory(memory_bytes());
  copy_placed(call_.device, memory.data(), residual->memory_in, memory.bytes());
  return agreed + skimp::text(" residual_memory=", checksum(memory.span()));
}

void Plan::execute(Messenger& messenger, const void* input, void* output,
                   const ResidualView* residual) {
  Run run{.messenger = messenger};
  run.queue = queue_.get();
  run.input = gives() ? input : nullptr;
  run.output = output;
  if (residual != nullptr) {
    run.residual_in = residual->in;
    run.residual_out = residual->out;
    run.memory_in = residual->memory_in;
    run.memory_out = residual->memory_out;
  }
  run.call =
      static_cast<std::uint32_t>(residual != nullptr ? residual->step : communicator_->sequence());
  try {
    run_algorithm(run);
  } catch (...) {
    // What is queued must not outlive the memory that it works on, nor wait for who has failed.
    if (queue_ && queue_->keeps_payloads()) communicator_->abort_link();
    if (queue_) queue_->drain();
    throw;
  }
  report_.nonfinite = run.nonfinite ? 1 : 0;
  report_.encode_seconds = run.codec_seconds;
  report_.guess_hits = run.guess_hits;
  report_.guess_misses = run.guess_misses;
}

void Plan::run_algorithm(Run& run) {
  if (call_.nonfinite != SKIMP_PROPAGATE) {
    if (anyone_nonfinite(run)) {
      run.nonfinite = true;
      report_.skipped = 1;
      return;
    }
    run.first_round = 1;
  }
  if (runner_) {
    runner_->run(run);
  } else {
    pass_through(run);
  }
  if (!gives()) keep_residual(run);
  // Payloads that are still to leave a device are work in the stream, too.
  if (queue_) run.messenger.finish();
  settle(run);
}

/// One round of empty frames whose headers say whether their sender's values are finite.
bool Plan::anyone_nonfinite(Run& run) {
  Run look = run.without_counts();
  if (gives()) {
    look_at_values(look, run.input, call_.dtype, run.residual_in, call_.count);
    settle(look);
  }
  bool nonfinite = look.nonfinite;
  FrameHeader header = describe(*call_.codec, call_.dtype, 0, {0, nonfinite});
  header = run.messenger.stamp(header, 0, {});
  for (int peer = 0; peer < world_.size; ++peer) {
    if (peer == world_.rank) continue;
    run.messenger.expect(peer, 0, {});
    run.messenger.send(peer, header, {});
  }
  for (int peer = 0; peer < world_.size; ++peer) {
    if (peer == world_.rank) continue;
    nonfinite |= (run.messenger.receive(peer).header.flags & nonfinite_flag) != 0;
  }
  return nonfinite;
}

/// A world of one: nothing is encoded, so the input comes back as it is and the residual stays.
void Plan::pass_through(Run& run) {
  if (call_.op == SKIMP_VOTE) {
    vote_alone(run);
  } else if (run.output != run.input) {
    copy_values(run, run.output, run.input, report_.input_bytes);
  }
  keep_residual(run);
}

/// The only vote decides.
void Plan::vote_alone(Run& run) {
  const DType accumulator = accumulator_of(call_.dtype);
  transfer_values(run, {.input = run.input,
                        .dtype = call_.dtype,
                        .count = call_.count,
                        .output = {.data = votes_.data(), .dtype = accumulator}});
  RobustReduction(call_, 1).run(run, votes_.data(), call_.count, call_.count);
  transfer_values(run, {.input = votes_.data(),
                        .dtype = accumulator,
                        .count = call_.count,
                        .output = {.data = run.output, .dtype = call_.dtype}});
}

/// Of the codec's memory.
std::uint64_t Plan::memory_bytes() const {
  return call_.codec->memory_count(call_.count) * bytes_of(accumulator_of(call_.dtype));
}

/// Nothing was left out of this rank's values.
void Plan::keep_residual(Run& run) {
  if (run.memory_out != nullptr && run.memory_in == nullptr) {
    clear_values(run, run.memory_out, memory_bytes());
  } else if (run.memory_out != nullptr) {
    copy_values(run, run.memory_out, run.memory_in, memory_bytes());
  }
  if (run.residual_out == run.residual_in) return;
  copy_values(run, run.residual_out, run.residual_in,
              residual_count(call_) * bytes_of(accumulator_of(call_.dtype)));
}

}  // namespace skimp
