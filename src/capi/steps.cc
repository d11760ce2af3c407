/// Steps of training in the C ABI.
#include "capi/calls.h"
#include "capi/guard.h"
#include "feedback/local_sgd.h"
#include "feedback/pruning.h"
#include "feedback/warm_up.h"

using skimp::DType;
using skimp::require;
using skimp::capi::checked_count;
using skimp::capi::checked_dtype;
using skimp::capi::guard;
using skimp::capi::require_pointer;
using skimp::capi::run_collective;

namespace {

/// Unless the arrays are empty.
void require_arrays(const void* input, const void* output, uint64_t size) {
  if (size == 0) return;
  require_pointer(input, "input");
  require_pointer(output, "output");
}

skimp::LocalSgd checked(const skimp_local_sgd* given, uint64_t count) {
  require_pointer(given, "local");
  require(given->local_sgd_bytes == sizeof(skimp_local_sgd),
          "local_sgd_bytes = ", given->local_sgd_bytes, ", expected ", sizeof(skimp_local_sgd),
          "; begin with SKIMP_LOCAL_SGD_INIT");
  const skimp::LocalSgd local{given->momentum, given->learning_rate, given->nesterov != 0,
                              given->anchor, given->velocity};
  local.require_valid();
  if (count > 0) {
    require_pointer(local.anchor, "anchor");
    require_pointer(local.velocity, "velocity");
  }
  return local;
}

skimp_options options_or_none(const skimp_options* given) {
  constexpr skimp_options none = SKIMP_OPTIONS_INIT;
  return given == nullptr ? none : skimp::capi::checked_options(*given);
}

/// Those of the allreduce of changes: a mean, refused where it is not finite.
skimp_options options_of_changes(const skimp_options* given) {
  skimp_options options = options_or_none(given);
  require(
      options.op == SKIMP_MEAN && options.nonfinite != SKIMP_SKIP && options.device == SKIMP_HOST,
      "local_sgd: averages in host memory and fails on NaN and Inf; op must be SKIMP_MEAN, "
      "nonfinite not SKIMP_SKIP, device SKIMP_HOST");
  options.nonfinite = SKIMP_RAISE;
  return options;
}

skimp::Pruning checked(const skimp_pruning* given) {
  require_pointer(given, "pruning");
  require(given->pruning_bytes == sizeof(skimp_pruning), "pruning_bytes = ", given->pruning_bytes,
          ", expected ", sizeof(skimp_pruning), "; begin with SKIMP_PRUNING_INIT");
  const skimp::Pruning pruning{given->sparsity, given->period, given->warm_up,
                               given->precision ? given->precision->codec : nullptr};
  pruning.require_valid();
  return pruning;
}

skimp::Pruning::Broadcast broadcast_of(skimp_communicator* communicator) {
  if (communicator == nullptr) return nullptr;
  return [=](void* array, std::uint64_t count, DType dtype, const skimp::CodecPtr& codec) {
    const skimp_codec given{codec, codec->text()};
    skimp_options options = SKIMP_OPTIONS_INIT;
    options.codec = &given;
    run_collective(SKIMP_BROADCAST, communicator, array, array, count,
                   static_cast<skimp_dtype>(dtype), &options);
  };
}

}  // namespace

skimp_status skimp_local_sgd_start(skimp_communicator* communicator, const skimp_local_sgd* given,
                                   const void* input, void* output, uint64_t count,
                                   skimp_dtype dtype) {
  return guard([&] {
    const skimp::LocalSgd local = checked(given, count);
    require_arrays(input, output, count);
    run_collective(SKIMP_BROADCAST, communicator, input, output, count, dtype, nullptr);
    local.start(output, count, checked_dtype(dtype));
  });
}

skimp_status skimp_local_sgd_synchronise(skimp_communicator* communicator,
                                         const skimp_local_sgd* given, const void* input,
                                         void* output, uint64_t count, skimp_dtype dtype,
                                         const skimp_options* options) {
  return guard([&] {
    const skimp::LocalSgd local = checked(given, count);
    require_arrays(input, output, count);
    const DType kind = checked_dtype(dtype);
    const skimp_options of_changes = options_of_changes(options);
    const auto average = [&](const void* change, void* mean) {
      run_collective(SKIMP_ALLREDUCE, communicator, change, mean, count,
                     static_cast<skimp_dtype>(skimp::accumulator_of(kind)), &of_changes);
    };
    local.synchronise(input, output, checked_count(count), kind, average);
  });
}

skimp_status skimp_delayed_create(skimp_communicator* communicator, int steps, uint64_t count,
                                  skimp_dtype dtype, const skimp_options* given,
                                  skimp_delayed** delayed) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    require_pointer(delayed, "delayed");
    require(steps >= 0, "delayed: steps = ", steps, " is not 0 or more");
    skimp_options options = options_or_none(given);
    require(options.device == SKIMP_HOST,
            "delayed: takes arrays in host memory, device = ", options.device,
            " is not SKIMP_HOST");
    const std::string algorithm = options.algorithm == nullptr ? "" : options.algorithm;
    const auto reduce = [=](void* values) mutable {
      options.algorithm = algorithm.empty() ? nullptr : algorithm.c_str();
      return run_collective(SKIMP_ALLREDUCE, communicator, values, values, count, dtype, &options);
    };
    const std::uint64_t bytes = checked_count(count) * skimp::bytes_of(checked_dtype(dtype));
    *delayed = new skimp_delayed{steps, {bytes, reduce}};
  });
}

void skimp_delayed_destroy(skimp_delayed* delayed) { delete delayed; }

skimp_status skimp_delayed_step(skimp_delayed* delayed, const void* input, void* output,
                                int* written) {
  return guard([&] {
    require_pointer(delayed, "delayed");
    require_pointer(written, "written");
    require_arrays(input, output, delayed->delayed.bytes());
    *written = 0;
    delayed->delayed.give(input);
    if (delayed->delayed.pending() > static_cast<std::uint64_t>(delayed->steps)) {
      *written = delayed->delayed.take(output);
    }
  });
}

skimp_status skimp_delayed_take(skimp_delayed* delayed, void* output, int* written) {
  return guard([&] {
    require_pointer(delayed, "delayed");
    require_pointer(written, "written");
    if (delayed->delayed.bytes() > 0) require_pointer(output, "output");
    *written = 0;
    *written = delayed->delayed.take(output);
  });
}

uint64_t skimp_delayed_pending(const skimp_delayed* delayed) { return delayed->delayed.pending(); }

skimp_status skimp_pruning_sparsity(const skimp_pruning* pruning, uint64_t step, double* sparsity) {
  return guard([&] {
    require_pointer(sparsity, "sparsity");
    *sparsity = checked(pruning).sparsity_at(step);
  });
}

skimp_status skimp_pruning_step(skimp_pruning* pruning, skimp_communicator* communicator,
                                const void* input, void* output, uint64_t count,
                                skimp_dtype dtype) {
  return guard([&] {
    const skimp::Pruning rule = checked(pruning);
    require_arrays(input, output, count);
    if (count > 0) require_pointer(pruning->mask, "mask");
    rule.step(input, output, checked_count(count), checked_dtype(dtype), pruning->mask,
              pruning->steps, broadcast_of(communicator));
    ++pruning->steps;
  });
}

skimp_status skimp_warm_up_density(double density, double first, int64_t steps, int stages,
                                   uint64_t step, double* value) {
  return guard([&] {
    require_pointer(value, "value");
    *value = skimp::warm_up_density(density, first, steps, stages, step);
  });
}
