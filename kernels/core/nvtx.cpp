// By NVTX of the toolkit, which is headers alone; nothing where they are missing.
#include "kernels/core/nvtx.h"

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define SLUICE_NVTX 1
#endif

namespace sluice {

void push_range([[maybe_unused]] const char* name) {
#ifdef SLUICE_NVTX
  nvtxRangePushA(name);
#endif
}

void pop_range() {
#ifdef SLUICE_NVTX
  nvtxRangePop();
#endif
}

}  // namespace sluice
