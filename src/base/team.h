/// \file
/// Threads that help one to get a loop done.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace skimp {

/// A fixed number of threads, the caller among them. Used by one thread at a time; after fork() not
/// at all.
class Team {
 public:
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int threads() const { return static_cast<int>(helpers_.size()) + 1; }

  /// Calls body(task, thread) for tasks 0 … tasks − 1, each on some thread 0 … threads() − 1, and
  /// returns when all are done. If any throws, no further ones begin, and the exception of the
  /// lowest task that threw is thrown here.
  void run(std::size_t tasks, const std::function<void(std::size_t, int)>& body);

 private:
  void dismiss();
  void help(int thread);
  void work(std::unique_lock<std::mutex>& lock, int thread);

  std::mutex mutex_;
  std::condition_variable begun_, ended_;
  const std::function<void(std::size_t, int)>* body_ = nullptr;
  std::size_t next_ = 0, tasks_ = 0, under_way_ = 0;
  std::size_t failed_task_ = 0;
  std::exception_ptr failure_;
  bool dismissed_ = false;
  std::vector<std::thread> helpers_;
};

}  // namespace skimp
