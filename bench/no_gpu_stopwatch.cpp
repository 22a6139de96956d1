#include "bench/stopwatch.h"

namespace sluice::bench {

std::unique_ptr<Stopwatch> make_gpu_stopwatch(Backend&) {
  return nullptr;
}

}  // namespace sluice::bench
