// Vectors of the instruction set being compiled for. Only for the isa_*.cpp files.
#pragma once

namespace sluice::cpu::SLUICE_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
using Vector __attribute__((vector_size(kVectorBytes), may_alias)) = T;
template <class T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

}  // namespace sluice::cpu::SLUICE_ISA

// Before a loop whose iterations touch no common element.
#if defined(__clang__)
#define SLUICE_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define SLUICE_INDEPENDENT _Pragma("GCC ivdep")
#endif
