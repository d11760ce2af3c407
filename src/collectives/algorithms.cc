/// The table of algorithms, and the choice among them.
#include "codecs/registry.h"
#include "collectives/algorithm.h"
#include "collectives/allgather/direct.h"
#include "collectives/allreduce/dense_direct.h"
#include "collectives/allreduce/dense_ring.h"
#include "collectives/allreduce/gather.h"
#include "collectives/allreduce/hierarchical.h"
#include "collectives/allreduce/linear.h"
#include "collectives/allreduce/sparse_balanced.h"
#include "collectives/allreduce/sparse_doubling.h"
#include "collectives/allreduce/two_phase.h"
#include "collectives/alltoall/direct.h"
#include "collectives/broadcast/tree.h"
#include "collectives/mix/neighbours.h"
#include "collectives/reduce_scatter/direct.h"
#include "collectives/robust.h"

namespace skimp {
namespace {

/// Below this a ring's 2(P−1) rounds cost more than its even use of the links gains.
constexpr std::uint64_t smallest_ring_bytes = 256 * 1024;

constexpr const Algorithm* rows[] = {
    &dense_direct,     &dense_ring,      &two_phase,
    &gather,           &linear,          &hierarchical,
    &sparse_doubling,  &sparse_balanced, &reduce_scatter_direct,
    &allgather_direct, &broadcast_tree,  &alltoall_direct,
    &mix_plain,        &mix_choco,
};

const Algorithm& choose_allreduce(const Call& call, const World& world) {
  if (is_robust(call.op)) return two_phase;
  if (call.codec->id() == CodecId::identity) {
    const bool large = call.count * bytes_of(call.dtype) >= smallest_ring_bytes;
    return !world.shared_memory && world.size > 2 && large ? dense_ring : dense_direct;
  }
  if (call.codec->traits().linear) return linear;
  return two_phase.refuses(call, world).empty() ? two_phase : gather;
}

const Algorithm& choose(const Call& call, const World& world) {
  switch (call.collective) {
    case SKIMP_REDUCE_SCATTER: return reduce_scatter_direct;
    case SKIMP_ALLGATHER: return allgather_direct;
    case SKIMP_BROADCAST: return broadcast_tree;
    case SKIMP_ALLTOALL: return alltoall_direct;
    case SKIMP_MIX: return call.codec->id() == CodecId::identity ? mix_plain : mix_choco;
    case SKIMP_ALLREDUCE: break;
  }
  return choose_allreduce(call, world);
}

const Algorithm& look_up(std::string_view name, skimp_collective collective) {
  std::string names;
  for (const Algorithm* row : rows) {
    if (row->collective != collective) continue;
    if (row->name == name) return *row;
    names += (names.empty() ? "" : ", ") + std::string(row->name);
  }
  fail(SKIMP_INVALID_ARGUMENT, name_of(collective), ": algorithm '", name, "' is none of ", names);
}

/// Refuses arrays on a device where their values would have to be coded on the host.
void require_kernels(const Call& call) {
  if (call.device == host_memory) return;
  for (const CodecPtr& codec : {call.codec, call.broadcast_codec}) {
    if (codec->has_kernels()) continue;
    fail(SKIMP_UNSUPPORTED_TYPE, name_of(call.collective), ": ", codec->text(),
         " has no kernels for arrays on a device: copy the array to host memory");
  }
}

}  // namespace

const Algorithm& find_algorithm(std::string_view name, const Call& call, const World& world) {
  const Algorithm& row = name.empty() ? choose(call, world) : look_up(name, call.collective);
  require(!is_robust(call.op) || &row == &two_phase || &row == &reduce_scatter_direct,
          name_of(call.collective), ": op=", name_of(call.op), " is for two_phase, whose owners ",
          "hold the values of all ranks; algorithm ", row.name, " adds them up on the way");
  const std::string refusal = row.refuses(call, world);
  require(refusal.empty(), name_of(call.collective), ": algorithm ", row.name, " ", refusal);
  require_kernels(call);
  require(!call.broadcast_codec_given || &row == &two_phase || &row == &hierarchical,
          name_of(call.collective),
          ": broadcast_codec is for two_phase and hierarchical, but algorithm ", row.name, " runs ",
          call.codec->text(), " on ", call.count, " elements");
  return row;
}

Cost dense_cost(Call call, const World& world) {
  call.codec = codec_from_text("identity");
  call.broadcast_codec = call.codec;
  call.broadcast_codec_given = false;
  call.device = host_memory;  // where the values lie changes no formula
  return find_algorithm("", call, world).cost(call, world);
}

}  // namespace skimp
