// SIGINT and SIGTERM ask the trainer to stop at the end of its step; a second one ends the program at once.
#pragma once

#include <atomic>
#include <mutex>
#include <stop_token>
#include <thread>

namespace sluice {

// Note [Signals]
// Both signals are blocked in every thread and one thread waits for them, so that none ever interrupts a
// computation: oneDNN's generated code may use the stack pointer for other things, and a handler's frame
// would then be written into the heap (seen with 2.6: "corrupted size vs. prev_size" within its sgemm).
class StopOnSignals {
 public:
  // To be made before any other thread, as threads inherit what is blocked. A signal ends the program.
  StopOnSignals();
  ~StopOnSignals();
  StopOnSignals(const StopOnSignals&) = delete;
  StopOnSignals& operator=(const StopOnSignals&) = delete;

  // From now on the first signal sets `stop`; null: it ends the program again.
  void ask(std::atomic<bool>* stop);

 private:
  void watch(const std::stop_token& done);

  std::mutex mutex_;
  std::atomic<bool>* stop_ = nullptr;
  std::jthread watcher_;
};

}  // namespace sluice
