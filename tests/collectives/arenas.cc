/// \file
/// Arenas of two ranks, in one process and in two: lending, reading, releasing, and what is
/// refused.
#include "collectives/arenas.h"

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

const std::vector<int> to_b{1}, to_c{2}, to_both{1, 2};

void lend_and_release() {
  Arenas a(0, 3, true), b(1, 3, true), c(2, 3, false);
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
  Arenas a(0, 2, true), b(1, 2, true);
  b.open(0, a.address());
  const std::uint64_t all = a.address().bytes;
  CHECK(a.lend(all, to_b).empty() && a.lend(~std::uint64_t{0}, to_b).empty());
  CHECK(!a.lend(all / 2, to_b).empty());
  const MutableBytes quarter = a.lend(all / 4, to_b);
  CHECK(!quarter.empty());
  CHECK(a.lend(all / 2, to_b).empty());
  CHECK(!a.lend(all / 8, to_b).empty());
  b.release(0, b.at(0, a.place_of(quarter).value(), quarter.size()));
  CHECK(a.lend(all / 4 - 4096, to_b).data() == quarter.data());
}

void refuse_places() {
  Arenas a(0, 2, true), b(1, 2, true);
  const std::uint64_t all = a.address().bytes;
  b.open(0, a.address());
  const std::uint64_t first = a.place_of(a.lend(5000, to_b)).value();
  for (const std::uint64_t place :
       {std::uint64_t{0}, first - 64, first + 1, all + 64, ~std::uint64_t{63}}) {
    CHECK(is_corrupt(b, 0, place, 1));
  }
  CHECK(is_corrupt(b, 0, first, all) && is_corrupt(b, 0, all, 1));
  CHECK(is_corrupt(b, 0, first, ~std::uint64_t{0}));
  CHECK(is_corrupt(b, 1, first, 1));  // Nothing is open there.
  CHECK(b.at(0, first, all - first).size() == all - first);
}

/// What is at the address is not what was meant.
void refuse_addresses() {
  Arenas a(0, 2, true), b(1, 2, true);
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

/// A child reads what its parent writes, also once the parent's arena is gone.
void two_processes() {
  int to_child[2], to_parent[2];
  CHECK(pipe(to_child) == 0 && pipe(to_parent) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    Arenas arenas(1, 2, true);
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
    Arenas arenas(0, 2, true);
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
  refuse_places();
  refuse_addresses();
  two_processes();
  std::puts("done");
}
