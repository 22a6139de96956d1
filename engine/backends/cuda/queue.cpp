#include "engine/backends/cuda/queue.h"

#include <cuda_runtime.h>

#include "kernels/core/check.cuh"

namespace sluice::cuda {

Event::Event() {
  check_cuda("cudaEventCreateWithFlags", cudaEventCreateWithFlags(&event_, cudaEventDisableTiming));
}

Event::~Event() {
  cudaEventDestroy(event_);
}

void Event::record(Queue& queue) {
  check_cuda("cudaEventRecord", cudaEventRecord(event_, queue.stream()));
}

void Event::wait() const {
  check_cuda("cudaEventSynchronize", cudaEventSynchronize(event_));
}

void Event::hold(Queue& queue) {
  check_cuda("cudaStreamWaitEvent", cudaStreamWaitEvent(queue.stream(), event_, 0));
}

Queue::Queue(Memory& memory, const char* name) : memory_(memory), name_(name) {
  check_cuda("cudaStreamCreateWithFlags", cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
}

Queue::~Queue() {
  if (workspace_) memory_.release(workspace_, stream_);
  cudaStreamDestroy(stream_);
}

void Queue::wait_for(Queue& other) {
  other.reached_.record(other);
  other.reached_.hold(*this);
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
    if (workspace_) memory_.release(workspace_, stream_);
    workspace_ = nullptr;
    workspace_bytes_ = 0;
    workspace_ = memory_.allocate(bytes, name_, stream_);
    workspace_bytes_ = bytes;
  }
  return workspace_;
}

void Queue::synchronize() {
  check_cuda("cudaStreamSynchronize", cudaStreamSynchronize(stream_));
}

}  // namespace sluice::cuda
