#include <cuda_runtime.h>

#include "bench/stopwatch.h"
#include "engine/backends/cuda/cuda_backend.h"
#include "kernels/core/check.cuh"

namespace sluice::bench {
namespace {

class Event {
 public:
  Event() { check_cuda("cudaEventCreate", cudaEventCreate(&event_)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(cudaStream_t stream) { check_cuda("cudaEventRecord", cudaEventRecord(event_, stream)); }
  double seconds_since(const Event& begin) {
    check_cuda("cudaEventSynchronize", cudaEventSynchronize(event_));
    float milliseconds = 0;
    check_cuda("cudaEventElapsedTime", cudaEventElapsedTime(&milliseconds, begin.event_, event_));
    return static_cast<double>(milliseconds) / 1e3;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

size_t bytes_of_l2() {
  int device = 0, bytes = 0;
  check_cuda("cudaGetDevice", cudaGetDevice(&device));
  check_cuda("cudaDeviceGetAttribute", cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, device));
  return static_cast<size_t>(bytes);
}

class GpuStopwatch : public Stopwatch {
 public:
  explicit GpuStopwatch(cuda::CudaBackend& backend)
      : stream_(backend.stream()), flushed_(backend, 2 * bytes_of_l2(), "flush of the L2 cache") {}

  double time(const std::function<void()>& f) override {
    check_cuda("cudaMemsetAsync", cudaMemsetAsync(flushed_.data(), 0, flushed_.bytes(), stream_));
    begin_.record(stream_);
    f();
    end_.record(stream_);
    return end_.seconds_since(begin_);
  }

 private:
  cudaStream_t stream_;
  Buffer flushed_;
  Event begin_, end_;
};

}  // namespace

std::unique_ptr<Stopwatch> make_gpu_stopwatch(Backend& backend) {
  auto* gpu = dynamic_cast<cuda::CudaBackend*>(&backend);
  if (!gpu) return nullptr;
  return std::make_unique<GpuStopwatch>(*gpu);
}

}  // namespace sluice::bench
