// Seconds of work on the device that computes it. CUDA's types stay in gpu_stopwatch.cpp, in whose place
// no_gpu_stopwatch.cpp stands in a build without CUDA.
#pragma once

#include <functional>
#include <memory>

#include "engine/backend.h"

namespace sluice::bench {

class Stopwatch {
 public:
  virtual ~Stopwatch() = default;
  // Seconds that the work takes which f() does or queues.
  virtual double time(const std::function<void()>& f) = 0;
};

// Of the backend's device: this process' clock, or the GPU's own.
std::unique_ptr<Stopwatch> make_stopwatch(Backend& backend);

// Between two CUDA events on the backend's stream; before the first, memory twice as large as the L2 cache is
// overwritten, so that each repetition finds it cold. Null for a backend of another device.
std::unique_ptr<Stopwatch> make_gpu_stopwatch(Backend& backend);

}  // namespace sluice::bench
