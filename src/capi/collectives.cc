/// Collectives and plans in the C ABI.
#include <algorithm>
#include <bit>
#include <cstring>

#include "capi/calls.h"
#include "capi/guard.h"
#include "capi/objects.h"
#include "capi/on_device.h"
#include "codecs/registry.h"

using skimp::Call;
using skimp::Plan;
using skimp::require;
using skimp::capi::checked_dtype;
using skimp::capi::guard;
using skimp::capi::require_on_device;
using skimp::capi::require_pointer;

namespace {

/// One-shot plans kept a communicator: enough for the layers of a model, each with its shape.
constexpr std::size_t cached_plans = 64;

constexpr skimp_options default_options = SKIMP_OPTIONS_INIT;

const skimp_options& checked(const skimp_options* options) {
  return options == nullptr ? default_options : skimp::capi::checked_options(*options);
}

/// What results are sent back with: the signs of a vote as they are, others as the codec prefers.
skimp::CodecPtr default_broadcast(const Call& call) {
  return call.op == SKIMP_VOTE ? skimp::codec_from_text("quantize(bits=2)")
                               : call.codec->default_broadcast();
}

Call make_call(skimp_collective collective, uint64_t count, skimp_dtype dtype,
               const skimp_options& options) {
  require(collective >= SKIMP_ALLREDUCE && collective <= SKIMP_ALLTOALL,
          "collective = ", static_cast<int>(collective), " is not known");
  Call call;
  call.collective = collective;
  call.count = count;
  call.dtype = checked_dtype(dtype);
  const bool reduces = collective == SKIMP_ALLREDUCE || collective == SKIMP_REDUCE_SCATTER;
  if (reduces) call.op = options.op;
  call.codec = options.codec != nullptr ? options.codec->codec : skimp::codec_from_text("identity");
  call.broadcast_codec =
      options.broadcast_codec != nullptr ? options.broadcast_codec->codec : default_broadcast(call);
  call.broadcast_codec_given = options.broadcast_codec != nullptr;
  call.nonfinite = options.nonfinite;
  call.root = options.root;
  call.trim = options.trim;
  if (options.graph != nullptr) call.graph = options.graph->graph;
  call.step_size = options.step_size;
  call.device = options.device;
  return call;
}

std::string algorithm_of(const skimp_options& options) {
  return options.algorithm == nullptr ? "" : options.algorithm;
}

/// What tells one cached plan from another.
std::string key_of(const Call& call, const std::string& algorithm) {
  return skimp::text(
      static_cast<int>(call.collective), ' ', call.count, ' ', static_cast<int>(call.dtype), ' ',
      static_cast<int>(call.op), ' ', call.codec->text(), ' ', call.broadcast_codec->text(), ' ',
      call.broadcast_codec_given, ' ', algorithm, ' ', static_cast<int>(call.nonfinite), ' ',
      call.root, ' ', call.trim, ' ', call.graph ? call.graph->text() : "", ' ',
      std::bit_cast<std::uint64_t>(call.step_size), ' ', call.device);
}

Plan& cached_plan(skimp_communicator& communicator, const Call& call,
                  const std::string& algorithm) {
  const std::string key = key_of(call, algorithm);
  auto& plans = communicator.plans;
  const auto found = std::find_if(plans.begin(), plans.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  if (found != plans.end()) {
    plans.splice(plans.begin(), plans, found);
  } else {
    plans.emplace_front(key, Plan::make(communicator.communicator, call, algorithm));
    if (plans.size() > cached_plans) plans.pop_back();
  }
  return *plans.front().second;
}

/// `input` may be null on ranks that do not read it.
void require_arrays(const Call& call, int rank, const void* input, const void* output) {
  if (call.count == 0) return;
  const bool reads = call.collective != SKIMP_BROADCAST || rank == call.root;
  if (reads) require_pointer(input, "input");
  require_pointer(output, "output");
  if (call.device == SKIMP_HOST) return;
  if (reads) require_on_device(input, call.device, "input");
  require_on_device(output, call.device, "output");
}

skimp_status run_once(skimp_collective collective, skimp_communicator* communicator,
                      const void* input, void* output, uint64_t count, skimp_dtype dtype,
                      const skimp_options* options) {
  return guard([&] {
    skimp::capi::run_collective(collective, communicator, input, output, count, dtype, options);
  });
}

void copy_report(const skimp_report& from, skimp_report* to) {
  require_pointer(to, "report");
  require(to->report_bytes == sizeof(skimp_report), "report_bytes = ", to->report_bytes,
          ", expected ", sizeof(skimp_report));
  *to = from;
  to->report_bytes = sizeof(skimp_report);
}

}  // namespace

bool skimp::capi::run_collective(skimp_collective collective, skimp_communicator* communicator,
                                 const void* input, void* output, std::uint64_t count,
                                 skimp_dtype dtype, const skimp_options* given) {
  require_pointer(communicator, "communicator");
  const skimp_options& options = checked(given);
  const Call call = make_call(collective, count, dtype, options);
  require_arrays(call, communicator->communicator->rank(), input, output);
  skimp_residual* residual = options.residual;
  Variant* variant = residual == nullptr ? nullptr : residual->variant.get();
  Plan& plan = cached_plan(*communicator, variant == nullptr ? call : variant->inner(call),
                           algorithm_of(options));
  try {
    const bool written =
        variant == nullptr
            ? run_with_feedback(plan, input, output,
                                residual == nullptr ? nullptr : &residual->residual, options.stream)
            : variant->run(call, plan, residual->residual, input, output, options.stream);
    communicator->report = plan.report();
    return written;
  } catch (...) {
    communicator->report = plan.report();
    throw;
  }
}

skimp_status skimp_allreduce(skimp_communicator* communicator, const void* input, void* output,
                             uint64_t count, skimp_dtype dtype, const skimp_options* options) {
  return run_once(SKIMP_ALLREDUCE, communicator, input, output, count, dtype, options);
}

skimp_status skimp_reduce_scatter(skimp_communicator* communicator, const void* input, void* output,
                                  uint64_t count, skimp_dtype dtype, const skimp_options* options) {
  return run_once(SKIMP_REDUCE_SCATTER, communicator, input, output, count, dtype, options);
}

skimp_status skimp_allgather(skimp_communicator* communicator, const void* input, void* output,
                             uint64_t count, skimp_dtype dtype, const skimp_options* options) {
  return run_once(SKIMP_ALLGATHER, communicator, input, output, count, dtype, options);
}

skimp_status skimp_broadcast(skimp_communicator* communicator, const void* input, void* output,
                             uint64_t count, skimp_dtype dtype, const skimp_options* options) {
  return run_once(SKIMP_BROADCAST, communicator, input, output, count, dtype, options);
}

skimp_status skimp_alltoall(skimp_communicator* communicator, const void* input, void* output,
                            uint64_t count, skimp_dtype dtype, const skimp_options* options) {
  return run_once(SKIMP_ALLTOALL, communicator, input, output, count, dtype, options);
}

skimp_status skimp_mix(skimp_communicator* communicator, const void* input, void* output,
                       uint64_t count, skimp_dtype dtype, const skimp_options* options) {
  return run_once(SKIMP_MIX, communicator, input, output, count, dtype, options);
}

skimp_status skimp_communicator_report(const skimp_communicator* communicator,
                                       skimp_report* report) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    copy_report(communicator->report, report);
  });
}

skimp_status skimp_plan_create(skimp_communicator* communicator, skimp_collective collective,
                               uint64_t count, skimp_dtype dtype, const skimp_options* given,
                               skimp_plan** plan) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    require_pointer(plan, "plan");
    const skimp_options& options = checked(given);
    const Call call = make_call(collective, count, dtype, options);
    *plan = new skimp_plan{Plan::make(communicator->communicator, call, algorithm_of(options))};
  });
}

void skimp_plan_destroy(skimp_plan* plan) { delete plan; }

skimp_status skimp_plan_run(skimp_plan* plan, const void* input, void* output,
                            skimp_residual* residual) {
  return skimp_plan_run_in_stream(plan, input, output, residual, nullptr);
}

skimp_status skimp_plan_run_in_stream(skimp_plan* plan, const void* input, void* output,
                                      skimp_residual* residual, void* stream) {
  return guard([&] {
    require_pointer(plan, "plan");
    require_arrays(plan->plan->call(), plan->plan->rank(), input, output);
    skimp::run_with_feedback(*plan->plan, input, output,
                             skimp::capi::classic_residual("plan", residual), stream);
  });
}

skimp_status skimp_plan_report(const skimp_plan* plan, skimp_report* report) {
  return guard([&] {
    require_pointer(plan, "plan");
    copy_report(plan->plan->report(), report);
  });
}

const char* skimp_plan_text(const skimp_plan* plan) { return plan->plan->text().c_str(); }
