// Named ranges for profilers, by NVTX of the toolkit, which is headers alone; nothing where they are missing.
// Without a profiler a range costs a load and a branch.
#pragma once

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define SLUICE_NVTX 1
#endif

namespace sluice {

inline void push_range([[maybe_unused]] const char* name) {
#ifdef SLUICE_NVTX
  nvtxRangePushA(name);
#endif
}
inline void pop_range() {
#ifdef SLUICE_NVTX
  nvtxRangePop();
#endif
}

// From here to the end of the scope, on this thread.
class Range {
 public:
  explicit Range(const char* name) { push_range(name); }
  ~Range() { pop_range(); }
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;
};

}  // namespace sluice
