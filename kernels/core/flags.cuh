// Words in global memory by which the blocks of one launch tell each other how far they are.
//
// PTX ISA 9.7.9.8 ld and 9.7.9.12 st with .release and .acquire, 8.8 on release and acquire patterns: what
// the storing thread, and before a barrier every thread of its block, has done to memory is seen by whoever
// reads the word by an acquire, and, after a barrier, by its whole block.
#pragma once

#include <cstdint>

namespace sluice::cuda {

__device__ inline void release_flag(uint32_t* flag, uint32_t epoch) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(flag), "r"(epoch) : "memory");
}

__device__ inline uint32_t acquire_flag(const uint32_t* flag) {
  uint32_t epoch;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(epoch) : "l"(flag) : "memory");
  return epoch;
}

}  // namespace sluice::cuda
