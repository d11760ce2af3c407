#include "feedback/delayed.h"

#include <cstring>
#include <utility>

#include "base/error.h"

namespace skimp {

Delayed::Delayed(std::uint64_t bytes, Reduce reduce)
    : bytes_(bytes), reduce_(std::move(reduce)), thread_([this] { work(); }) {}

Delayed::~Delayed() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Delayed::give(const void* input) {
  auto step = std::make_unique<Step>();
  if (spare_.empty()) {
    step->values = Buffer(bytes_);
  } else {
    step->values = std::move(spare_.back());
    spare_.pop_back();
  }
  if (bytes_ > 0) std::memcpy(step->values.data(), input, bytes_);
  {
    const std::lock_guard lock(mutex_);
    steps_.push_back(std::move(step));
  }
  changed_.notify_all();
}

bool Delayed::take(void* output) {
  require(!steps_.empty(), "delayed: no step is under way");
  std::unique_ptr<Step> step;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_ > 0; });
    step = std::move(steps_.front());
    steps_.pop_front();
    --done_;
  }
  if (step->written && bytes_ > 0) std::memcpy(output, step->values.data(), bytes_);
  spare_.push_back(std::move(step->values));
  if (step->error) std::rethrow_exception(step->error);
  return step->written;
}

void Delayed::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopped_ || done_ < steps_.size(); });
    if (stopped_) return;
    Step& step = *steps_[done_];
    lock.unlock();
    try {
      step.written = reduce_(step.values.data());
    } catch (...) {
      step.error = std::current_exception();
    }
    lock.lock();
    ++done_;
    changed_.notify_all();
  }
}

}  // namespace skimp
