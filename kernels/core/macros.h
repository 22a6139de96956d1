// SLUICE_HD marks what runs on the host and on the device. It is always inlined: the CPU backend compiles the
// same source once for each instruction set, and an out-of-line copy would be shared between them by the
// linker.
#pragma once

#ifdef __CUDACC__
#define SLUICE_HD __host__ __device__ __forceinline__
#else
#define SLUICE_HD inline __attribute__((always_inline))
#endif
