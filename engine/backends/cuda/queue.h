// A CUDA stream, the matrix products that run on it and the scratch memory of its kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/backends/cuda/cublas.h"
#include "engine/backends/cuda/cublas_lt.h"
#include "engine/backends/cuda/memory.h"
#include "kernels/core/plan.h"
#include "kernels/core/stream.h"

struct CUevent_st;

namespace sluice::cuda {

class Queue;

// A place in a queue that can be waited for.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(Queue& queue);  // what is queued there by now
  void wait() const;          // the host, for the place last recorded; at once where there is none
  void hold(Queue& queue);    // what `queue` gets from now on waits for that place

 private:
  CUevent_st* event_ = nullptr;
};

class Queue {
 public:
  // Of what is ready in several queues, blocks of the urgent one's kernels come first to multiprocessors that
  // become free, also where it is recorded: kernel nodes of a graph keep it.
  enum class Priority : uint8_t { usual, urgent };

  // name: of its scratch memory, in `memory`'s reports.
  Queue(const DeviceProps& device, Memory& memory, const char* name, Priority = Priority::usual);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  const DeviceProps& device() const { return device_; }
  cudaStream_t stream() const { return stream_; }
  int priority() const;  // of the stream: the lower, the more urgent
  void open_blas() { blas_.open(stream_); }
  template <class T, class Out>
  void gemm(const Gemm<T, Out>& product) {
    blas_.gemm(stream_, product);
  }
  template <class T, class Out>
  void gemm(const BiasedGemm<T, Out>& product) {
    lt_.gemm(stream_, product);
  }
  // What is queued here from now on waits for all that is queued in `other` by now.
  void wait_for(Queue& other);
  void zero(void* data, size_t bytes);
  void copy(void* to, const void* from, size_t bytes);  // between places of the device
  void synchronize();
  // At least `bytes` of scratch, until the next call. Blocks that became too small stay: recorded verbs may
  // use them.
  void* workspace(size_t bytes);

 private:
  const DeviceProps& device_;
  Memory& memory_;
  const char* name_;
  cudaStream_t stream_ = nullptr;
  Event reached_;
  std::vector<void*> workspaces_;  // the last one is in use, and the largest
  size_t workspace_bytes_ = 0;
  Cublas blas_;  // of its own: a handle's workspace serves one stream at a time
  CublasLt lt_;
};

}  // namespace sluice::cuda
