// What Skimp declares of nccl.h, compared with a real one.
#include <nccl.h>

#include <cstddef>

#include "transports/nccl/functions.h"

namespace declared = skimp::nccl;

static_assert(sizeof(ncclUniqueId) == sizeof(declared::UniqueId));
static_assert(offsetof(ncclConfig_t, magic) == offsetof(declared::Config, magic));
static_assert(offsetof(ncclConfig_t, version) == offsetof(declared::Config, version));
static_assert(offsetof(ncclConfig_t, blocking) == offsetof(declared::Config, blocking));
static_assert(offsetof(ncclConfig_t, cgaClusterSize) == offsetof(declared::Config, cluster_size));
static_assert(NCCL_CONFIG_UNDEF_INT == declared::Config().cluster_size);
static_assert(NCCL_VERSION(2, 14, 0) == declared::Config().version);
static_assert(int{ncclSuccess} == declared::success &&
              int{ncclInProgress} == declared::in_progress);
static_assert(int{ncclInt8} == declared::bytes_type);
