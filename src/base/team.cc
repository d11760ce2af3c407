#include "base/team.h"

#include "base/float_environment.h"

namespace skimp {

Team::Team(int threads) {
  try {
    for (int thread = 1; thread < threads; ++thread) {
      helpers_.emplace_back([this, thread] { help(thread); });
    }
  } catch (...) {  // The system has no more threads: those that began must end first.
    dismiss();
    throw;
  }
}

Team::~Team() { dismiss(); }

void Team::dismiss() {
  {
    const std::lock_guard lock(mutex_);
    dismissed_ = true;
  }
  begun_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void Team::run(std::size_t tasks, const std::function<void(std::size_t, int)>& body) {
  if (helpers_.empty() || tasks < 2) {
    for (std::size_t task = 0; task < tasks; ++task) body(task, 0);
    return;
  }
  std::unique_lock lock(mutex_);
  body_ = &body;
  next_ = 0;
  tasks_ = tasks;
  failure_ = nullptr;
  begun_.notify_all();
  work(lock, 0);
  ended_.wait(lock, [this] { return under_way_ == 0; });
  if (failure_) std::rethrow_exception(failure_);
}

void Team::help(int thread) {
  const FloatEnvironment float_environment;
  std::unique_lock lock(mutex_);
  while (true) {
    begun_.wait(lock, [this] { return dismissed_ || next_ < tasks_; });
    if (dismissed_) return;
    work(lock, thread);
  }
}

/// Takes tasks while there are any. The lock is held but for the tasks themselves: they take tens
/// of microseconds at least.
void Team::work(std::unique_lock<std::mutex>& lock, int thread) {
  while (next_ < tasks_) {
    const std::size_t task = next_++;
    ++under_way_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      (*body_)(task, thread);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure) {
      if (!failure_ || task < failed_task_) {
        failure_ = failure;
        failed_task_ = task;
      }
      next_ = tasks_;
    }
    if (--under_way_ == 0) ended_.notify_one();
  }
}

}  // namespace skimp
