// Things made ahead of their use, on a thread of their own.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace sluice {

template <class T>
class Prefetch {
 public:
  // Calls produce(value) until it returns false, at most `ahead` values before next() asks for them. The
  // destructor waits for the call in progress.
  Prefetch(size_t ahead, std::function<bool(T&)> produce)
      : ahead_(ahead),
        thread_([this, produce = std::move(produce)](const std::stop_token& stop) { run(stop, produce); }) {}

  // The next value; false after the last. After the values made before it, rethrows what produce() threw.
  bool next(T& value) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || !ready_.empty(); });
    if (ready_.empty()) {
      if (error_) std::rethrow_exception(error_);
      return false;
    }
    value = std::move(ready_.front());
    ready_.pop_front();
    changed_.notify_all();
    return true;
  }

 private:
  void run(const std::stop_token& stop, const std::function<bool(T&)>& produce) {
    std::exception_ptr error;
    try {
      for (T value; produce(value);) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [&] { return ready_.size() < ahead_; })) return;
        ready_.push_back(std::move(value));
        changed_.notify_all();
      }
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    error_ = error;
    ended_ = true;
    changed_.notify_all();
  }

  const size_t ahead_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<T> ready_;
  bool ended_ = false;
  std::exception_ptr error_;
  std::jthread thread_;  // last: joins before what it uses goes
};

}  // namespace sluice
