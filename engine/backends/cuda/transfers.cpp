#include "engine/backends/cuda/transfers.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstring>

#include "engine/error.h"
#include "kernels/core/check.cuh"

namespace sluice::cuda {

void* allocate_pinned(size_t bytes, const char* what) {
  void* data = nullptr;
  const cudaError_t error = cudaMallocHost(&data, bytes);
  if (error == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    throw Failure("no memory of the host that a GPU can reach for {}: {:.1f} MB wanted", what,
                  static_cast<double>(bytes) / 1e6);
  }
  check_cuda("cudaMallocHost", error);
  std::memset(data, 0, bytes);
  return data;
}

void release_pinned(void* data) noexcept {
  cudaFreeHost(data);
}

Transfers::~Transfers() {
  for (const Slot& slot : slots_)
    if (slot.bytes) release_pinned(slot.bytes);
}

void Transfers::upload(Queue& queue, void* device, const void* host, size_t bytes) {
  Slot& slot = slots_[next_slot_];
  next_slot_ = (next_slot_ + 1) % kSlots;
  slot.left.wait();
  if (bytes > slot.capacity) {
    const size_t wanted = std::max(bytes, 2 * slot.capacity);
    if (slot.bytes) release_pinned(slot.bytes);
    slot.bytes = nullptr;
    slot.capacity = 0;
    slot.bytes = allocate_pinned(wanted, "copies to the GPU");
    slot.capacity = wanted;
  }
  std::memcpy(slot.bytes, host, bytes);
  check_cuda("cudaMemcpyAsync to the GPU",
             cudaMemcpyAsync(device, slot.bytes, bytes, cudaMemcpyHostToDevice, queue.stream()));
  slot.left.record(queue);
}

void Transfers::read_later(Queue& queue, void* host, const void* device, size_t bytes) {
  check_cuda("cudaMemcpyAsync from the GPU",
             cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, queue.stream()));
}

uint64_t Transfers::mark(Queue& queue) {
  ++last_mark_;
  marks_[last_mark_ % kMarks].record(queue);
  return last_mark_;
}

void Transfers::wait(uint64_t mark) {
  marks_[mark % kMarks].wait();
}

}  // namespace sluice::cuda
