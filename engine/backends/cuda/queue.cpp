#include "engine/backends/cuda/queue.h"

#include <cuda_runtime.h>

#include <algorithm>

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

Queue::Queue(const DeviceProps& device, Memory& memory, const char* name, Priority priority)
    : device_(device), memory_(memory), name_(name) {
  int usual = 0, urgent = 0;
  check_cuda("cudaDeviceGetStreamPriorityRange", cudaDeviceGetStreamPriorityRange(&usual, &urgent));
  check_cuda("cudaStreamCreateWithPriority",
             cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking,
                                          priority == Priority::urgent ? urgent : usual));
}

Queue::~Queue() {
  for (void* workspace : workspaces_) memory_.release(workspace, stream_);
  cudaStreamDestroy(stream_);
}

int Queue::priority() const {
  int priority = 0;
  check_cuda("cudaStreamGetPriority", cudaStreamGetPriority(stream_, &priority));
  return priority;
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

// Each block is twice the one before it, so that those that stay are less than the one in use.
void* Queue::workspace(size_t bytes) {
  if (bytes > workspace_bytes_) {
    const size_t wanted = std::max(bytes, 2 * workspace_bytes_);
    workspaces_.push_back(memory_.allocate(wanted, name_, stream_));
    workspace_bytes_ = wanted;
  }
  return workspaces_.empty() ? nullptr : workspaces_.back();
}

void Queue::synchronize() {
  check_cuda("cudaStreamSynchronize", cudaStreamSynchronize(stream_));
}

}  // namespace sluice::cuda
