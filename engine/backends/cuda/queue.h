// A CUDA stream, the matrix products that run on it and the scratch memory of its kernels.
#pragma once

#include <cstddef>

#include "engine/backends/cuda/cublas.h"
#include "kernels/core/stream.h"

struct CUevent_st;

namespace sluice::cuda {

class Queue {
 public:
  Queue();
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  cudaStream_t stream() const { return stream_; }
  template <class T>
  void gemm(const Gemm<T>& product) {
    blas_.gemm(stream_, product);
  }
  // What is queued here from now on waits for all that is queued in `other` by now.
  void wait_for(Queue& other);
  void zero(void* data, size_t bytes);
  void copy(void* to, const void* from, size_t bytes);  // between places of the device
  void synchronize();
  // At least `bytes` of scratch, until the next call.
  void* workspace(size_t bytes);

 private:
  cudaStream_t stream_ = nullptr;
  CUevent_st* reached_ = nullptr;
  void* workspace_ = nullptr;
  size_t workspace_bytes_ = 0;
  Cublas blas_;  // of its own: a handle's workspace serves one stream at a time
};

}  // namespace sluice::cuda
