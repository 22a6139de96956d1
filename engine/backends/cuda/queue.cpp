#include "engine/backends/cuda/queue.h"

#include <cuda_runtime.h>

#include "kernels/core/check.cuh"

namespace sluice::cuda {

Queue::Queue() {
  check_cuda("cudaStreamCreateWithFlags", cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  check_cuda("cudaEventCreateWithFlags", cudaEventCreateWithFlags(&reached_, cudaEventDisableTiming));
}

Queue::~Queue() {
  if (workspace_) cudaFreeAsync(workspace_, stream_);
  cudaEventDestroy(reached_);
  cudaStreamDestroy(stream_);
}

void Queue::wait_for(Queue& other) {
  check_cuda("cudaEventRecord", cudaEventRecord(other.reached_, other.stream_));
  check_cuda("cudaStreamWaitEvent", cudaStreamWaitEvent(stream_, other.reached_, 0));
}

void Queue::zero(void* data, size_t bytes) {
  if (bytes) check_cuda("cudaMemsetAsync", cudaMemsetAsync(data, 0, bytes, stream_));
}

void Queue::copy(void* to, const void* from, size_t bytes) {
  if (bytes)
    check_cuda("cudaMemcpyAsync", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_));
}

// What still runs on the old block is ordered before its release.
void* Queue::workspace(size_t bytes) {
  if (bytes > workspace_bytes_) {
    if (workspace_) check_cuda("cudaFreeAsync", cudaFreeAsync(workspace_, stream_));
    workspace_ = nullptr;
    workspace_bytes_ = 0;
    check_cuda("cudaMallocAsync (workspace)", cudaMallocAsync(&workspace_, bytes, stream_));
    workspace_bytes_ = bytes;
  }
  return workspace_;
}

void Queue::synchronize() {
  check_cuda("cudaStreamSynchronize", cudaStreamSynchronize(stream_));
}

}  // namespace sluice::cuda
