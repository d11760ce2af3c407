/// \file
/// What the C ABI's opaque types hold.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "codecs/codec.h"
#include "collectives/communicator.h"
#include "collectives/mix/graph.h"
#include "collectives/plan.h"
#include "collectives/point_to_point.h"
#include "feedback/delayed.h"
#include "feedback/residual.h"
#include "feedback/variant.h"

struct skimp_codec {
  skimp::CodecPtr codec;
  std::string text;
};

struct skimp_graph {
  skimp::GraphPtr graph;
};

struct skimp_residual {
  skimp::Residual residual;
  std::unique_ptr<skimp::Variant> variant{};  ///< null: classic feedback
};

struct skimp_plan {
  std::shared_ptr<skimp::Plan> plan;
};

/// One-shot calls are cached plans, the most recent first. All ranks make the same calls, so their
/// caches agree.
struct skimp_communicator {
  std::shared_ptr<skimp::Communicator> communicator;
  skimp::PointToPoint messages{communicator};
  std::list<std::pair<std::string, std::shared_ptr<skimp::Plan>>> plans{};
  skimp_report report{};
};

struct skimp_delayed {
  int steps;
  skimp::Delayed delayed;
};

namespace skimp::capi {

/// The residual of a call that takes no variants; null for null.
inline Residual* classic_residual(const char* call, skimp_residual* residual) {
  if (residual == nullptr) return nullptr;
  require(residual->variant == nullptr, call, ": a residual of ",
          residual->variant ? residual->variant->name() : "", " is for skimp_allreduce alone");
  return &residual->residual;
}

}  // namespace skimp::capi
