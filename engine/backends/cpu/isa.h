// The loops that pay for wide vectors, as tables of functions: one table for each instruction set.
//
// Note [Instruction sets]
// isa_rnn.cpp and isa_elementwise.cpp are compiled once for each instruction set, with its compiler flags and
// all their code in a namespace of its name; the best table the processor can run is chosen once. What they
// include must be always inlined (SLUICE_HD) or plain C: an inline function of the standard library would be
// emitted once with AVX-512 code in it, and the linker might keep that copy for everybody. Bits differ
// between instruction sets (the recurrence contracts to FMA where there is one), never between runs on one.
#pragma once

#include <cstdint>

#include "kernels/cells/cells.h"
#include "kernels/core/philox.h"

namespace sluice::cpu {

// C[m,n] = op(A) op(B), or += where `accumulate`; row-major, op(A) [m,k] is A or, transposed, A^T with A
// [k,m].
template <class T>
struct Gemm {
  bool transpose_a = false, transpose_b = false;
  int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  int64_t lda = 0;
  const T* b = nullptr;
  int64_t ldb = 0;
  T* c = nullptr;
  int64_t ldc = 0;
  bool accumulate = false;
};

// One row of one step of a cell with n units, G gates and S slots (Note [Slots] in kernels/cells/cell.h). Of
// the pointers to c a cell of one state reads none.
template <class T>
struct CellForwardRow {
  int64_t n;
  const T* x_pre;  // [G,n] W x; may be `slots`
  const T* h_pre;  // [G,n] R h
  const T* bias;   // [S,n]
  T* slots;        // [S,n] = for backward
  T* c;            // [n] the state, in and out
  T* h;            // [n] the state, in and out
  T* c_saved;      // [n] = c
  T* y;            // [n] = h
};

template <class T>
struct CellBackwardRow {
  int64_t n;
  T* slots;         // [S,n] forward's; = gradients
  const T* h_prev;  // [n] for cells that carry h
  const T* c_prev;  // [n]
  const T* dy;      // [n]
  const T* dh;      // [n] from the step after
  T* dh_past;       // [n] = for the step before, past the product with R, of cells that carry h
  T* dc;            // [n] in: from the step after; out: for the step before
  T* dbias;         // [S,n] +=
};

// One update of Adam; decay factors ready to multiply with.
template <class T>
struct AdamStep {
  T gradient_scale;  // the clip scale
  T l2;              // of w, added to g; 0 when decoupled
  T keep;            // w *= keep first: 1 - lr * decay when decoupled, else 1
  T beta1, beta2;
  T step_size;     // lr / (1 - beta1^step)
  T inverse_root;  // 1 / sqrt(1 - beta2^step)
  T epsilon;
};

template <class T>
struct Kernels {
  void (*cell_forward[kCellCount])(const CellForwardRow<T>&);  // by CellKind
  void (*cell_backward[kCellCount])(const CellBackwardRow<T>&);
  void (*gemm)(const Gemm<T>&);
  void (*add)(int64_t n, const T* x, T* y);  // y += x
  // best = row, y = x where x is greater than y, or the first NaN.
  void (*take_max)(int64_t n, const T* x, int32_t row, T* y, int32_t* best);
  // y = x * scale where word >= threshold, else 0; y may be x.
  void (*dropout)(int64_t n, const uint32_t* words, uint32_t threshold, T scale, const T* x, T* y);
  void (*adam)(int64_t n, const AdamStep<T>&, T* w, const T* g, T* m, T* v);
};

struct IsaTable {
  const char* name;
  // words[0, 4 * quads): the mask words of a row; see MaskStream.
  void (*mask_words)(const MaskStream&, int64_t quads, uint32_t row, uint32_t t, uint32_t* words);
  Kernels<float> f32;
  Kernels<double> f64;

  template <class T>
  const Kernels<T>& of() const {
    if constexpr (sizeof(T) == sizeof(float))
      return f32;
    else
      return f64;
  }
};

// The best table for this processor. SLUICE_ISA=baseline|avx2|avx512 in the environment asks for another one,
// which is taken if the processor has it.
const IsaTable& isa_table();

// By name; null when this build or processor lacks it. For tests.
const IsaTable* isa_table_named(const char* name);

}  // namespace sluice::cpu
