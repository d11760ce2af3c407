/// Communicators in the C ABI.
#include <vector>

#include "capi/guard.h"
#include "capi/objects.h"
#include "transports/faulty/faulty.h"
#include "transports/mpi/mpi.h"
#include "transports/nccl/nccl.h"
#include "transports/tcp/tcp.h"
#include "transports/threads/threads.h"

using skimp::Communicator;
using skimp::require;
using skimp::capi::guard;
using skimp::capi::require_pointer;

namespace {

skimp_communicator* wrap(std::unique_ptr<skimp::Transport> transport) {
  return new skimp_communicator{std::make_shared<Communicator>(std::move(transport))};
}

}  // namespace

skimp_status skimp_threads_create(int world_size, skimp_communicator** communicators) {
  return guard([&] {
    require_pointer(communicators, "communicators");
    require(world_size >= 1, "threads: world_size = ", world_size, " must be at least 1");
    std::vector<std::unique_ptr<skimp_communicator>> made;
    for (auto& transport : skimp::make_threads(world_size)) {
      made.emplace_back(wrap(std::move(transport)));
    }
    for (std::size_t rank = 0; rank < made.size(); ++rank) {
      communicators[rank] = made[rank].release();
    }
  });
}

skimp_status skimp_mpi_table_create(const skimp_mpi_table* table,
                                    skimp_communicator** communicator) {
  return guard([&] {
    require_pointer(table, "table");
    require_pointer(communicator, "communicator");
    *communicator = wrap(skimp::make_mpi(*table));
  });
}

skimp_status skimp_mpi_create_from_handles(const char* library, const void* mpi_communicator,
                                           const void* mpi_byte, int shared_memory,
                                           skimp_communicator** communicator) {
  return guard([&] {
    require_pointer(mpi_communicator, "mpi_communicator");
    require_pointer(mpi_byte, "mpi_byte");
    require_pointer(communicator, "communicator");
    *communicator =
        wrap(skimp::make_mpi_from_handles(library, mpi_communicator, mpi_byte, shared_memory != 0));
  });
}

skimp_status skimp_tcp_create(int rank, int world_size, const int* sockets,
                              skimp_communicator** communicator) {
  return guard([&] {
    require_pointer(sockets, "sockets");
    require_pointer(communicator, "communicator");
    require(world_size >= 1, "tcp: world_size = ", world_size, " must be at least 1");
    *communicator = wrap(skimp::make_tcp(rank, {sockets, static_cast<std::size_t>(world_size)}));
  });
}

skimp_status skimp_nccl_create(skimp_communicator* control, const char* library, int device,
                               skimp_communicator** communicator) {
  return guard([&] {
    require_pointer(control, "control");
    require_pointer(communicator, "communicator");
    *communicator = nullptr;
    require(device >= 0, "nccl: device = ", device, " is negative");
    Communicator& world = *control->communicator;
    auto part = world.split(0, world.rank());
    part->link_devices({.name = "nccl",
                        .make_identity = [&] { return skimp::make_nccl_identity(library); },
                        .join =
                            [&](skimp::Bytes identity, int rank, int world_size,
                                const skimp::DeviceLink::Idle& idle) {
                              return skimp::make_nccl(library, identity, rank, world_size, device,
                                                      idle);
                            }});
    *communicator = new skimp_communicator{std::move(part)};
  });
}

skimp_status skimp_communicator_send_from_devices(skimp_communicator* communicator) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    communicator->communicator->link_devices_by_transport();
    communicator->plans.clear();
  });
}

skimp_status skimp_nccl_info(const char* library, const char** text) {
  return guard([&] {
    require_pointer(text, "text");
    thread_local std::string version;
    version = skimp::describe_nccl(library);
    *text = version.c_str();
  });
}

void skimp_communicator_destroy(skimp_communicator* communicator) { delete communicator; }

skimp_status skimp_communicator_close(skimp_communicator* communicator, const char* reason) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    communicator->communicator->close(reason == nullptr ? std::nullopt
                                                        : std::optional<std::string>(reason));
  });
}

int skimp_communicator_rank(const skimp_communicator* communicator) {
  return communicator->communicator->rank();
}

int skimp_communicator_world_size(const skimp_communicator* communicator) {
  return communicator->communicator->world_size();
}

const char* skimp_communicator_transport(const skimp_communicator* communicator) {
  return communicator->communicator->transport_name();
}

skimp_status skimp_communicator_set_timeout(skimp_communicator* communicator, double seconds) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    communicator->communicator->set_timeout(seconds);
  });
}

skimp_status skimp_communicator_set_pipeline(skimp_communicator* communicator, uint64_t segment,
                                             int window) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    communicator->communicator->set_pipeline(segment, window);
    communicator->plans.clear();
  });
}

skimp_status skimp_communicator_set_threads(skimp_communicator* communicator, int threads) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    communicator->communicator->set_threads(threads);
    communicator->plans.clear();
  });
}

skimp_status skimp_communicator_set_nodes(skimp_communicator* communicator, const int* nodes) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    require_pointer(nodes, "nodes");
    Communicator& self = *communicator->communicator;
    self.set_nodes({nodes, nodes + self.world_size()});
    communicator->plans.clear();
  });
}

skimp_status skimp_communicator_split(skimp_communicator* communicator, int color, int key,
                                      skimp_communicator** part) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    require_pointer(part, "part");
    *part = nullptr;
    auto made = communicator->communicator->split(color, key);
    if (made) *part = new skimp_communicator{std::move(made)};
  });
}

skimp_status skimp_barrier(skimp_communicator* communicator) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    communicator->communicator->barrier();
  });
}

skimp_status skimp_communicator_inject_fault(skimp_communicator* communicator, skimp_fault fault,
                                             uint64_t exchange) {
  return guard([&] {
    require_pointer(communicator, "communicator");
    require(fault >= SKIMP_FAULT_ERROR && fault <= SKIMP_FAULT_TRUNCATE,
            "fault = ", static_cast<int>(fault), " is not known");
    communicator->communicator->wrap([&](std::unique_ptr<skimp::Transport> inner) {
      return skimp::make_faulty(std::move(inner), fault, exchange);
    });
  });
}
