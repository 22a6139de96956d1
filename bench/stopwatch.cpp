#include "bench/stopwatch.h"

#include "bench/frame.h"

namespace sluice::bench {
namespace {

class ProcessStopwatch : public Stopwatch {
 public:
  double time(const std::function<void()>& f) override { return time_of(f); }
};

}  // namespace

std::unique_ptr<Stopwatch> make_stopwatch(Backend& backend) {
  if (auto gpu = make_gpu_stopwatch(backend)) return gpu;
  return std::make_unique<ProcessStopwatch>();
}

}  // namespace sluice::bench
