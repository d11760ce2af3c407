// What the tests of kernels in C++ share: arrays that end where their memory ends, random elements.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "base/dtype.h"
#include "base/numbers.h"
#include "device/functions.h"

namespace {

using skimp::DeviceStream;
using skimp::DType;

void require(bool condition, const std::string& what) {
  if (condition) return;
  std::printf("%s\n", what.c_str());
  std::exit(1);
}

void check(skimp_status status) { require(status == SKIMP_OK, skimp_cuda_error()); }

const DeviceStream stream{};
void wait() { check(skimp_cuda_wait(stream)); }

/// Memory that ends with its last element, which the sanitizer watches; aligned to 16 but for the
/// elements skipped at its begin.
class Exact {
 public:
  Exact(std::uint64_t bytes, std::uint64_t skipped = 0)
      : bytes_(bytes), memory_(std::malloc(skipped + bytes)), skipped_(skipped) {}
  ~Exact() { std::free(memory_); }
  Exact(const Exact&) = delete;
  Exact& operator=(const Exact&) = delete;

  std::byte* data() const { return static_cast<std::byte*>(memory_) + skipped_; }
  bool operator==(const Exact& other) const {
    return bytes_ == other.bytes_ && std::memcmp(data(), other.data(), bytes_) == 0;
  }
  void take(const void* from) const { std::memcpy(data(), from, bytes_); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::uint64_t bytes_;
  void* memory_;
  std::uint64_t skipped_;
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t end) { return engine_() % end; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  enum class Kind { any_bits, normal, few };

  void fill(const Exact& array, DType dtype, std::uint64_t count) {
    fill(array, dtype, count, static_cast<Kind>(below(3)));
  }
  void fill(const Exact& array, DType dtype, std::uint64_t count, Kind kind) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const double number =
          kind == Kind::few ? static_cast<double>(below(5)) - 2 : normal_(engine_);
      skimp::visit_dtype(dtype, [&](auto element) {
        using Element = decltype(element);
        Element value = skimp::rounded<Element>(
            static_cast<typename skimp::Accumulator<Element>::type>(number));
        const std::uint64_t bits = engine_();
        if (kind == Kind::any_bits) std::memcpy(&value, &bits, sizeof value);
        std::memcpy(array.data() + i * sizeof value, &value, sizeof value);
      });
    }
  }

 private:
  std::mt19937_64 engine_;
  std::normal_distribution<double> normal_;
};

}  // namespace
