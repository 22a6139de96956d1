// The memory of one GPU: one stream-ordered pool, and a list of who holds what.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "kernels/core/stream.h"

struct CUmemPoolHandle_st;

namespace sluice::cuda {

class Memory {
 public:
  // index: of the device. Its pool keeps what is released to it.
  explicit Memory(int index);
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Not cleared; to be used in the order of `stream`. Throws Failure that names `what` and the largest
  // holders.
  void* allocate(size_t bytes, const char* what, cudaStream_t stream);
  void release(void* data, cudaStream_t stream) noexcept;

  // Bytes that can still be allocated: what the device has left and what the pool keeps for the next who
  // asks.
  size_t available() const;
  // "parameters 12.0 MB, ...": the largest holders first, those of one name together.
  std::string holders() const;

 private:
  struct Block {
    std::string what;
    size_t bytes;
  };
  CUmemPoolHandle_st* pool_ = nullptr;
  std::unordered_map<void*, Block> blocks_;
};

}  // namespace sluice::cuda
