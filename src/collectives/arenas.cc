#include "collectives/arenas.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace skimp {
namespace {

/// Room for what is under way, and more: what is never used of an arena takes up no memory.
constexpr std::uint64_t default_mib = 64, most_mib = 1 << 20;

/// At once: who lends looks at those before.
constexpr std::size_t most_loans = 512;

/// A line of the cache: payloads begin with one, after one for the number of readers.
constexpr std::uint64_t line = 64;

/// How many are still to read a loan.
std::atomic_ref<std::uint32_t> readers_of(std::byte& loan) {
  return std::atomic_ref(reinterpret_cast<std::uint32_t&>(loan));
}

std::atomic_ref<std::uint8_t> flag_of(std::byte& flag) {
  return std::atomic_ref(reinterpret_cast<std::uint8_t&>(flag));
}

/// Where in an arena a payload lies, if it does.
std::optional<std::uint64_t> find(Bytes arena, Bytes payload) {
  const auto begin = reinterpret_cast<std::uintptr_t>(arena.data());
  const auto place = reinterpret_cast<std::uintptr_t>(payload.data());
  if (place < begin || place - begin >= arena.size()) return {};
  return place - begin;
}

}  // namespace

std::uint64_t Arenas::bytes_wanted() {
  const char* text = std::getenv("SKIMP_ARENA_MIB");
  if (text == nullptr || *text == '\0') return default_mib << 20;
  std::uint64_t mib = 0;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, mib);
  require(error == std::errc() && rest == end && mib <= most_mib, "SKIMP_ARENA_MIB = '", text,
          "' is not a number from 0 (no arenas) to ", most_mib);
  return mib << 20;
}

Arenas::Arenas(int rank, int world_size, std::uint64_t bytes)
    : rank_(rank),
      table_bytes_(divide_up(static_cast<std::uint64_t>(world_size), line) * line),
      peers_(static_cast<std::size_t>(world_size)) {
  if (bytes > 0) own_ = SharedMemory::make(table_bytes_ + bytes);
}

void Arenas::open(int peer, const SharedMemory::Address& address) {
  SharedMemory memory = SharedMemory::open(address);
  const MutableBytes arena = memory.span();
  if (arena.size() < table_bytes_) return;
  peers_[static_cast<std::size_t>(peer)] = std::move(memory);
  flag_of(arena[static_cast<std::size_t>(rank_)]).store(1, std::memory_order_release);
}

bool Arenas::is_open_to(int peer) const {
  std::byte& flag = own_.span()[static_cast<std::size_t>(peer)];
  return flag_of(flag).load(std::memory_order_acquire) != 0;
}

MutableBytes Arenas::lend(std::uint64_t bytes, std::span<const int> readers) {
  const MutableBytes arena = own_.span();
  if (bytes >= arena.size()) return {};
  if (!std::all_of(readers.begin(), readers.end(), [&](int peer) { return is_open_to(peer); })) {
    return {};
  }
  const std::lock_guard lock(mutex_);
  const auto is_read = [&](const Loan& loan) {
    return readers_of(arena[loan.begin]).load(std::memory_order_acquire) == 0;
  };
  if (loans_.size() == most_loans && std::erase_if(loans_, is_read) == 0) return {};
  const std::uint64_t needed = line + divide_up(bytes, line) * line;
  std::uint64_t begin = table_bytes_;
  auto next = loans_.begin();
  while (next != loans_.end() && next->begin - begin < needed) {
    if (is_read(*next)) {
      next = loans_.erase(next);
    } else {
      begin = next++->end;
    }
  }
  if (arena.size() - begin < needed) return {};
  loans_.insert(next, {begin, begin + needed});
  readers_of(arena[begin])
      .store(static_cast<std::uint32_t>(readers.size()), std::memory_order_relaxed);
  return arena.subspan(begin + line, bytes);
}

std::optional<std::uint64_t> Arenas::place_of(Bytes payload) const {
  return find(own_.span(), payload);
}

Bytes Arenas::at(int peer, std::uint64_t place, std::uint64_t bytes) const {
  const MutableBytes arena = of(peer).span();
  require_intact(place >= table_bytes_ + line && place % line == 0 && place <= arena.size() &&
                     bytes <= arena.size() - place,
                 "from rank ", peer, ": a payload of ", bytes, " bytes at ", place,
                 " of an arena of ", arena.size(), " bytes");
  return arena.subspan(place, bytes);
}

void Arenas::release(int peer, Bytes payload) const {
  const MutableBytes arena = of(peer).span();
  const auto place = find(arena, payload);
  if (place) readers_of(arena[*place - line]).fetch_sub(1, std::memory_order_release);
}

}  // namespace skimp
