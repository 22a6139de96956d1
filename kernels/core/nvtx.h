// Named ranges for profilers. Without a profiler a range costs a call, a load and a branch at each end.
#pragma once

namespace sluice {

void push_range(const char* name);
void pop_range();

// From here to the end of the scope, on this thread.
class Range {
 public:
  explicit Range(const char* name) { push_range(name); }
  ~Range() { pop_range(); }
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;
};

}  // namespace sluice
