#include "collectives/arenas.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace skimp {
namespace {

/// Of an arena. What is not used takes up no memory, and what is free is used from its beginning.
constexpr std::uint64_t arena_bytes = 64 << 20;

/// A line of the cache: payloads begin with one, after one for the number of readers.
constexpr std::uint64_t line = 64;

std::atomic_ref<std::uint32_t> readers_of(std::byte* loan) {
  return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(loan));
}

/// Where in an arena a payload lies, if it does.
std::optional<std::uint64_t> find(Bytes arena, Bytes payload) {
  const auto begin = reinterpret_cast<std::uintptr_t>(arena.data());
  const auto place = reinterpret_cast<std::uintptr_t>(payload.data());
  if (place < begin || place - begin >= arena.size()) return {};
  return place - begin;
}

}  // namespace

bool Arenas::are_wanted() {
  const char* text = std::getenv("SKIMP_ARENAS");
  if (text == nullptr || *text == '\0') return true;
  const std::string_view asked = text;
  require(asked == "0" || asked == "1", "SKIMP_ARENAS = '", asked, "' is neither 0 nor 1");
  return asked == "1";
}

Arenas::Arenas(int world_size, bool own)
    : world_size_(world_size), peers_(static_cast<std::size_t>(world_size)) {
  if (own) own_ = SharedMemory::make(arena_bytes);
}

void Arenas::open(int peer, const SharedMemory::Address& address) {
  peers_[static_cast<std::size_t>(peer)] = SharedMemory::open(address);
}

bool Arenas::is_shared() {
  if (shared_ || own_.span().empty()) return shared_;
  shared_ = own_.openers() == world_size_ - 1;
  if (shared_) own_.close();
  return shared_;
}

MutableBytes Arenas::lend(std::uint64_t bytes, int readers) {
  const std::lock_guard lock(mutex_);
  const MutableBytes arena = own_.span();
  if (!is_shared() || bytes > arena.size() - line) return {};
  std::erase_if(loans_, [&](const Loan& loan) {
    return readers_of(&arena[loan.begin]).load(std::memory_order_acquire) == 0;
  });
  const std::uint64_t needed = line + divide_up(bytes, line) * line;
  std::uint64_t begin = 0;
  auto next = loans_.begin();
  while (next != loans_.end() && next->begin - begin < needed) begin = next++->end;
  if (arena.size() - begin < needed) return {};
  loans_.insert(next, {begin, begin + needed});
  readers_of(&arena[begin]).store(static_cast<std::uint32_t>(readers), std::memory_order_relaxed);
  return arena.subspan(begin + line, bytes);
}

std::optional<std::uint64_t> Arenas::place_of(Bytes payload) const {
  return find(own_.span(), payload);
}

Bytes Arenas::at(int peer, std::uint64_t place, std::uint64_t bytes) const {
  const MutableBytes arena = of(peer).span();
  require_intact(
      place >= line && place % line == 0 && place <= arena.size() && bytes <= arena.size() - place,
      "from rank ", peer, ": a payload of ", bytes, " bytes at ", place, " of an arena of ",
      arena.size(), " bytes");
  return arena.subspan(place, bytes);
}

void Arenas::release(int peer, Bytes payload) const {
  const MutableBytes arena = of(peer).span();
  const auto place = find(arena, payload);
  if (place) readers_of(&arena[*place - line]).fetch_sub(1, std::memory_order_release);
}

}  // namespace skimp
