/// \file
/// Arenas of two ranks, in one process and in two: lending, reading, releasing, and what is
/// refused.
#include "collectives/arenas.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/error.h"

using namespace skimp;

namespace {

#define CHECK(condition)                                                    \
  do {                                                                      \
    if (!(condition)) {                                                     \
      std::printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                         \
    }                                                                       \
  } while (false)

bool is_corrupt(const Arenas& arenas, int peer, std::uint64_t place, std::uint64_t bytes) {
  try {
    arenas.at(peer, place, bytes);
    return false;
  } catch (const Error& error) {
    return error.status() == SKIMP_CORRUPT_PAYLOAD;
  }
}

constexpr std::uint64_t all = 64 << 20;
const std::vector<int> to_b{1}, to_c{2}, to_both{1, 2};

void lend_and_release() {
  Arenas a(0, 3, all), b(1, 3, all), c(2, 3, 0);
  CHECK(a.lend(5000, to_b).empty());
  b.open(0, a.address());
  CHECK(a.lend(5000, to_c).empty() && a.lend(5000, to_both).empty());  // c has not opened it.
  const MutableBytes first = a.lend(5000, to_b);
  c.open(0, a.address());
  const MutableBytes second = a.lend(70, to_both);
  CHECK(c.lend(5000, to_b).empty());  // Has none of its own.
  CHECK(first.size() == 5000 && second.size() == 70);
  CHECK(reinterpret_cast<std::uintptr_t>(first.data()) % 64 == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(second.data()) % 64 == 0);
  CHECK(first.data() + first.size() < second.data());
  std::fill(first.begin(), first.end(), std::byte{1});
  std::fill(second.begin(), second.end(), std::byte{2});

  const std::vector<std::byte> elsewhere(100);
  CHECK(!a.place_of(elsewhere));
  const Bytes read = b.at(0, a.place_of(first).value(), 5000);
  CHECK(read.data() != first.data() && std::equal(read.begin(), read.end(), first.begin()));
  const std::uint64_t place = a.place_of(second).value();
  const Bytes by_b = b.at(0, place, 70), by_c = c.at(0, place, 70);
  CHECK(std::equal(by_b.begin(), by_b.end(), second.begin()));

  b.release(0, elsewhere);
  b.release(0, read);
  CHECK(a.lend(5000, to_b).data() == first.data());  // The same room again,
  b.release(0, by_b);
  CHECK(a.lend(70, to_c).data() > second.data());  // but not while somebody still reads.
  c.release(0, by_c);
  CHECK(a.lend(70, to_c).data() == second.data());
}

void fill_up() {
  Arenas a(0, 2, all), b(1, 2, all);
  b.open(0, a.address());
  CHECK(a.lend(all, to_b).empty() && a.lend(~std::uint64_t{0}, to_b).empty());
  CHECK(!a.lend(all / 2, to_b).empty());
  const MutableBytes quarter = a.lend(all / 4, to_b);
  CHECK(!quarter.empty());
  CHECK(a.lend(all / 2, to_b).empty());
  CHECK(!a.lend(all / 8, to_b).empty());
  b.release(0, b.at(0, a.place_of(quarter).value(), quarter.size()));
  CHECK(a.lend(all / 4 - 4096, to_b).data() == quarter.data());
}

/// There are so many loans at once, whatever their size; each may come back in any order.
void lend_many() {
  Arenas a(0, 2, all), b(1, 2, all);
  b.open(0, a.address());
  std::vector<MutableBytes> lent;
  while (lent.size() < 100'000) {
    const MutableBytes room = a.lend(100 + lent.size() % 1000, to_b);
    if (room.empty()) break;
    std::fill(room.begin(), room.end(), static_cast<std::byte>(lent.size()));
    lent.push_back(room);
  }
  CHECK(lent.size() > 100 && lent.size() < 100'000);
  std::size_t again = 0;
  for (std::size_t i = 0; i < lent.size(); i = i % 2 == 0 && i + 2 >= lent.size() ? 1 : i + 2) {
    const Bytes read = b.at(0, a.place_of(lent[i]).value(), lent[i].size());
    CHECK(std::count(read.begin(), read.end(), static_cast<std::byte>(i)) ==
          static_cast<std::ptrdiff_t>(read.size()));
    b.release(0, read);
    again += !a.lend(50, to_b).empty();
  }
  CHECK(again == lent.size());
}

void refuse_places() {
  Arenas a(0, 2, all), b(1, 2, all);
  const std::uint64_t end = a.address().bytes;
  b.open(0, a.address());
  const std::uint64_t first = a.place_of(a.lend(5000, to_b)).value();
  for (const std::uint64_t place :
       {std::uint64_t{0}, first - 64, first + 1, end + 64, ~std::uint64_t{63}}) {
    CHECK(is_corrupt(b, 0, place, 1));
  }
  CHECK(is_corrupt(b, 0, first, end) && is_corrupt(b, 0, end, 1));
  CHECK(is_corrupt(b, 0, first, ~std::uint64_t{0}));
  CHECK(is_corrupt(b, 1, first, 1));  // Nothing is open there.
  CHECK(b.at(0, first, end - first).size() == end - first);
}

/// What is at the address is not what was meant.
void refuse_addresses() {
  Arenas a(0, 2, all), b(1, 2, all);
  const auto refused = [&](auto change) {
    SharedMemory::Address address = a.address();
    change(address);
    b.open(0, address);
    return is_corrupt(b, 0, 128, 1);
  };
  CHECK(refused([](auto& address) { ++address.key; }));
  CHECK(refused([](auto& address) { address.bytes += 4096; }));
  CHECK(refused([](auto& address) { address.bytes = 0; }));
  CHECK(refused([](auto& address) { address.file = 0; }));
  CHECK(refused([](auto& address) { address.file = -1; }));
  CHECK(refused([](auto& address) { address.process = -1; }));
  CHECK(!refused([](auto&) {}));
}

/// Whoever comes late finds nothing; whoever has come stays.
void close_arena() {
  Arenas a(0, 3, all), b(1, 3, all), late(2, 3, all);
  const SharedMemory::Address address = a.address();
  b.open(0, address);
  a.close();
  late.open(0, address);
  CHECK(is_corrupt(late, 0, 128, 1) && !is_corrupt(b, 0, 128, 1));
  CHECK(!a.lend(5000, to_b).empty() && a.lend(5000, to_c).empty());
}

/// Files that may not be so long end a process that makes one.
void obey_limits() {
  rlimit before;
  CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit low{1 << 20, before.rlim_max};
  CHECK(setrlimit(RLIMIT_FSIZE, &low) == 0);
  Arenas a(0, 2, all), b(1, 2, 1 << 19);
  CHECK(a.address().bytes == 0 && b.address().bytes > 0);
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
}

/// A child reads what its parent writes, also once the parent's arena is gone.
void two_processes() {
  int to_child[2], to_parent[2];
  CHECK(pipe(to_child) == 0 && pipe(to_parent) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    Arenas arenas(1, 2, all);
    SharedMemory::Address address;
    CHECK(read(to_child[0], &address, sizeof address) == sizeof address);
    arenas.open(0, address);
    CHECK(write(to_parent[1], "o", 1) == 1);
    std::uint64_t place = 0;
    CHECK(read(to_child[0], &place, sizeof place) == sizeof place);
    const Bytes payload = arenas.at(0, place, 10'000);
    CHECK(std::count(payload.begin(), payload.end(), std::byte{7}) == 10'000);
    arenas.release(0, payload);
    std::exit(0);
  }
  {
    Arenas arenas(0, 2, all);
    const SharedMemory::Address address = arenas.address();
    CHECK(write(to_child[1], &address, sizeof address) == sizeof address);
    char opened;
    CHECK(read(to_parent[0], &opened, 1) == 1);
    const MutableBytes room = arenas.lend(10'000, to_b);
    CHECK(!room.empty());
    std::fill(room.begin(), room.end(), std::byte{7});
    const std::uint64_t place = arenas.place_of(room).value();
    CHECK(write(to_child[1], &place, sizeof place) == sizeof place);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace

int main() {
  lend_and_release();
  fill_up();
  lend_many();
  refuse_places();
  refuse_addresses();
  close_arena();
  obey_limits();
  two_processes();
  std::puts("done");
}
