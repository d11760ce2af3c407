/// \file
/// The threads of one CUDA block as fibers of one CPU thread.
///
/// Between two barriers each fiber runs alone and to its end, in an order that the environment
/// variable SKIMP_EMULATION_ORDER names: "forward" (the default), "reverse", or "shuffled:SEED",
/// another order after every barrier. What two threads of a kernel share without a barrier between
/// them then gives different results in different orders, which is how tests find races; the
/// address sanitizer, which is told of every switch, finds what is read or written outside.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace skimp::emulation {

[[noreturn]] inline void stop(const char* what) {
  std::fprintf(stderr, "CUDA emulation: %s\n", what);
  std::abort();
}

/// What the lanes of a warp give each other. A lane may be one exchange ahead of another, not two:
/// hence two sets of slots.
struct Warp {
  std::uint64_t slots[2][32];
  std::uint32_t arrived = 0;
  const char* what = nullptr;    ///< the exchange under way
  std::uint64_t generation = 0;  ///< exchanges that are complete
};

/// In what order the fibers of a block run.
class Order {
 public:
  Order() {
    const char* text = std::getenv("SKIMP_EMULATION_ORDER");
    const std::string name = text == nullptr ? "forward" : text;
    reverse_ = name == "reverse";
    shuffled_ = name.rfind("shuffled:", 0) == 0;
    if (shuffled_) random_.seed(static_cast<unsigned>(std::stoul(name.substr(9))));
    if (!reverse_ && !shuffled_ && name != "forward") stop("SKIMP_EMULATION_ORDER is unknown");
  }

  void next(std::vector<unsigned>& threads) {
    std::iota(threads.begin(), threads.end(), 0u);
    if (reverse_) std::reverse(threads.begin(), threads.end());
    if (shuffled_) std::shuffle(threads.begin(), threads.end(), random_);
  }

 private:
  bool reverse_ = false, shuffled_ = false;
  std::mt19937 random_;
};

class Fibers {
 public:
  /// Suspended until they are given work; made once, and kept for whichever CPU thread runs the
  /// next kernel: one at a time does.
  static Fibers& of(unsigned threads) {
    static std::map<unsigned, Fibers> kept;
    return kept.try_emplace(threads, threads).first->second;
  }

  explicit Fibers(unsigned threads) : all_(threads), warps_(threads / 32), turns_(threads) {
    if (threads % 32 != 0) stop("a block is not whole warps");
    for (unsigned thread = 0; thread < threads; ++thread) {
      all_[thread].warp = &warps_[thread / 32];
      all_[thread].lane = thread % 32;
    }
  }

  /// Runs `body` in every fiber; `enter(thread)` is called before one begins or goes on.
  void run(Order& order, const std::function<void()>& body,
           const std::function<void(unsigned)>& enter) {
    current_ = this;
    body_ = &body;
    for (Warp& warp : warps_) warp = Warp();
    for (Fiber& fiber : all_) fiber.done = false;
    arrived_ = 0;
    for (std::size_t done = 0; done < all_.size();) {
      bool moved = false;
      order.next(turns_);
      for (const unsigned thread : turns_) {
        Fiber& fiber = all_[thread];
        if (fiber.done || (fiber.waits && fiber.warp->generation == fiber.generation)) continue;
        if (fiber.at_barrier && fiber.barrier == barriers_) continue;
        moved = true;
        enter(thread);
        switch_to(fiber);
        done += fiber.done;
      }
      if (!moved) stop("threads wait for one that has ended");
    }
  }

  /// Gives `value` to the other lanes of the warp, waits until all have arrived, and returns
  /// theirs.
  static const std::uint64_t* exchange(std::uint32_t mask, const char* what, std::uint64_t value) {
    Fiber& fiber = *current_->now_;
    Warp& warp = *fiber.warp;
    if (mask != 0xFFFFFFFFu) stop("kernels exchange values among whole warps only");
    if (warp.arrived == 0) warp.what = what;
    if (warp.what != what && std::strcmp(warp.what, what) != 0) {
      stop("the lanes of a warp are at different exchanges");
    }
    fiber.generation = warp.generation;
    std::uint64_t* slots = warp.slots[fiber.generation % 2];
    slots[fiber.lane] = value;
    warp.arrived |= 1u << fiber.lane;
    if (warp.arrived == mask) {
      warp.arrived = 0;
      ++warp.generation;
    } else {
      fiber.waits = true;
      current_->switch_back();
      fiber.waits = false;
    }
    return slots;
  }

  /// Waits until all threads of the block have arrived.
  static void barrier() {
    Fibers& self = *current_;
    Fiber& fiber = *self.now_;
    if (++self.arrived_ == self.all_.size()) {
      self.arrived_ = 0;
      ++self.barriers_;
      return;
    }
    fiber.barrier = self.barriers_;
    fiber.at_barrier = true;
    self.switch_back();
    fiber.at_barrier = false;
  }

 private:
  static constexpr std::size_t stack_bytes = 128 << 10;

  struct Fiber {
    std::unique_ptr<char[]> stack{new char[stack_bytes]};
    bool started = false;
    void* place[5];  ///< where it goes on
    Warp* warp = nullptr;
    unsigned lane = 0;
    std::uint64_t generation = 0;
    bool waits = false, done = false;
    std::uint64_t barrier = 0;  ///< the one that it waits at
    bool at_barrier = false;
    void* sanitizer_stack = nullptr;
  };

  static void start() {
    Fibers& self = *current_;
    self.entered(nullptr);
    for (;;) {
      (*self.body_)();
      self.now_->done = true;
      self.switch_back();
    }
  }

  void switch_to(Fiber& fiber) {
    now_ = &fiber;
    leaving(&sanitizer_stack_, fiber.stack.get(), stack_bytes);
    if (fiber.started) {
      jump(scheduler_, fiber.place);
    } else {
      fiber.started = true;
      begin(scheduler_, fiber);
    }
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(sanitizer_stack_, nullptr, nullptr);
#endif
  }

  void switch_back() {
    Fiber& fiber = *now_;
    leaving(&fiber.sanitizer_stack, scheduler_stack_, scheduler_bytes_);
    jump(fiber.place, scheduler_);
    entered(fiber.sanitizer_stack);
  }

  // A context of its own gives a fiber its stack. After that the compiler's own jumps do, which ask
  // nothing of the system, where swapcontext makes a call each time. The sanitizer is told of the
  // switch by `leaving` and `entered`, and must not take a jump for the end of a stack.

  [[gnu::noinline, gnu::no_sanitize_address]] static void jump(void** from, void** to) {
    if (__builtin_setjmp(from) == 0) leap(to);
  }

  [[noreturn, gnu::noinline, gnu::no_sanitize_address]] static void leap(void** to) {
    __builtin_longjmp(to, 1);
  }

  [[gnu::noinline, gnu::no_sanitize_address]] static void begin(void** from, Fiber& fiber) {
    if (__builtin_setjmp(from) == 0) set_off(fiber);
  }

  [[gnu::noinline, gnu::no_sanitize_address]] static void set_off(Fiber& fiber) {
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = fiber.stack.get();
    context.uc_stack.ss_size = stack_bytes;
    context.uc_link = nullptr;
    makecontext(&context, &Fibers::start, 0);
    setcontext(&context);
  }

  static void leaving([[maybe_unused]] void** save, [[maybe_unused]] const void* stack,
                      [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(save, stack, bytes);
#endif
  }

  /// A fiber is always entered from the scheduler, whose stack is learned here.
  void entered([[maybe_unused]] void* saved) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(saved, &scheduler_stack_, &scheduler_bytes_);
#endif
  }

  inline static Fibers* current_ = nullptr;

  const std::function<void()>* body_ = nullptr;
  std::vector<Fiber> all_;
  std::vector<Warp> warps_;
  std::vector<unsigned> turns_;
  std::size_t arrived_ = 0;     ///< threads at the barrier
  std::uint64_t barriers_ = 0;  ///< that all have passed
  Fiber* now_ = nullptr;
  void* scheduler_[5];
  void* sanitizer_stack_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  std::size_t scheduler_bytes_ = 0;
};

}  // namespace skimp::emulation
