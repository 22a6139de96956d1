// SIGINT and SIGTERM ask the trainer to stop at the end of its step; a second one ends the program at once.
#pragma once

#include <atomic>

namespace sluice {

// While it lives, the first signal sets `stop`. One at a time.
class StopOnSignals {
 public:
  explicit StopOnSignals(std::atomic<bool>& stop);
  ~StopOnSignals();
  StopOnSignals(const StopOnSignals&) = delete;
  StopOnSignals& operator=(const StopOnSignals&) = delete;
};

}  // namespace sluice
