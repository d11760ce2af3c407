/// \file
/// Memory of each rank that its peers map, between processes of one machine: a payload that was
/// written there is read there. Messages carry only its place, so neither the kernel nor the
/// transport copies it, and who reads it pays for the way from core to core once.
///
/// An arena is never waited for. What finds no room in it, or does not lie there, goes as ever.
#pragma once

#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/shared_memory.h"

namespace skimp {

class Arenas {
 public:
  /// Bytes of an arena: SKIMP_ARENA_MIB, or 64 MiB.
  static std::uint64_t bytes_wanted();

  /// `bytes`: of the own one; 0 for none.
  Arenas(int rank, int world_size, std::uint64_t bytes);

  /// Of this rank's own, for the peers; nowhere if it has none.
  const SharedMemory::Address& address() const { return own_.address(); }

  void open(int peer, const SharedMemory::Address& address);

  /// All peers that are to open this rank's have done so.
  void close() { own_.close(); }

  /// Room for a payload of this rank that exactly these peers will be sent; taken until all of them
  /// have released it. Empty if there is none, or some of them have not opened this arena. By any
  /// thread.
  MutableBytes lend(std::uint64_t bytes, std::span<const int> readers);

  /// The place of what was lent; none for a payload elsewhere.
  std::optional<std::uint64_t> place_of(Bytes payload) const;

  /// The payload of a peer at a place. Throws CorruptPayload unless it lies in the peer's arena.
  Bytes at(int peer, std::uint64_t place, std::uint64_t bytes) const;

  /// This rank has read a payload, which may be one that lies elsewhere.
  void release(int peer, Bytes payload) const;

 private:
  /// A part of the own arena: a line with the number of its readers, and the payload.
  struct Loan {
    std::uint64_t begin;
    std::uint64_t end;
  };

  const SharedMemory& of(int peer) const { return peers_[static_cast<std::size_t>(peer)]; }
  bool is_open_to(int peer) const;

  int rank_;
  std::uint64_t table_bytes_;  ///< an arena begins with a byte for each rank: 1 if it has opened it
  SharedMemory own_;
  std::vector<SharedMemory> peers_;
  std::mutex mutex_;
  std::vector<Loan> loans_;  ///< by place
};

}  // namespace skimp
