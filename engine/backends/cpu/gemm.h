// Matrix products of the CPU backend: f32 by oneDNN's sgemm, f64 by a loop of our own.
#pragma once

#include <cstdint>
#include <span>

#include "engine/backends/cpu/isa.h"
#include "engine/backends/cpu/pool.h"

namespace sluice::cpu {

// One product on the calling thread.
void gemm(const Gemm<float>&);
void gemm(const Gemm<double>&);

// Independent products, each cut into tiles of C by its shape alone, shared out over the pool. No two may
// write to the same C.
template <class T>
void gemms(Pool&, std::span<const Gemm<T>>);
template <class T>
void gemms(Pool& pool, const Gemm<T>& one) {
  gemms(pool, std::span<const Gemm<T>>(&one, 1));
}

}  // namespace sluice::cpu
