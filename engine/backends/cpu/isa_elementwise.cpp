// Sums and maxima of rows, random masks, dropout, Adam; compiled once for each instruction set. Note
// [Instruction sets] in isa.h.
#include <cmath>

#include "engine/backends/cpu/isa.h"
#include "engine/backends/cpu/isa_vector.h"

namespace sluice::cpu::SLUICE_ISA {
namespace {

template <class T>
void add_to(int64_t n, const T* x, T* y) {
  SLUICE_INDEPENDENT
  for (int64_t j = 0; j < n; ++j) y[j] += x[j];
}

template <class T>
void take_max(int64_t n, const T* x, int32_t row, T* y, int32_t* best) {
  SLUICE_INDEPENDENT
  for (int64_t j = 0; j < n; ++j) {
    const T value = x[j], most = y[j];
    const int32_t old = best[j];
    const bool take = (value > most) | ((value != value) & (most == most));
    y[j] = take ? value : most;
    best[j] = take ? row : old;
  }
}

template <class T>
void dropout(int64_t n, const uint32_t* words, uint32_t threshold, T scale, const T* x, T* y) {
  SLUICE_INDEPENDENT
  for (int64_t j = 0; j < n; ++j) {
    const T value = x[j] * scale;
    y[j] = words[j] >= threshold ? value : T(0);
  }
}

SLUICE_HD float root(float x) {
  return __builtin_sqrtf(x);
}
SLUICE_HD double root(double x) {
  return __builtin_sqrt(x);
}

template <class T>
void adam(int64_t n, const AdamStep<T>& step, T* w, const T* g, T* m, T* v) {
  const AdamStep<T> p = step;
  SLUICE_INDEPENDENT
  for (int64_t j = 0; j < n; ++j) {
    const T gradient = p.gradient_scale * g[j] + p.l2 * w[j];
    m[j] = p.beta1 * m[j] + (T(1) - p.beta1) * gradient;
    v[j] = p.beta2 * v[j] + (T(1) - p.beta2) * gradient * gradient;
    w[j] = p.keep * w[j] - p.step_size * m[j] / (root(v[j]) * p.inverse_root + p.epsilon);
  }
}

template <class T>
void add(Kernels<T>& kernels) {
  kernels.add = add_to<T>;
  kernels.take_max = take_max<T>;
  kernels.dropout = dropout<T>;
  kernels.adam = adam<T>;
}

}  // namespace

void mask_words(const MaskStream&, int64_t, uint32_t, uint32_t, uint32_t*);
void mask_words(const MaskStream& masks, int64_t quads, uint32_t row, uint32_t t, uint32_t* words) {
  const MaskStream stream = masks;
  SLUICE_INDEPENDENT
  for (int64_t q = 0; q < quads; ++q) {
    const PhiloxBlock block = stream.quad(static_cast<uint32_t>(q), row, t);
    words[4 * q] = block.word[0];
    words[4 * q + 1] = block.word[1];
    words[4 * q + 2] = block.word[2];
    words[4 * q + 3] = block.word[3];
  }
}

void add_elementwise(Kernels<float>&, Kernels<double>&);
void add_elementwise(Kernels<float>& f32, Kernels<double>& f64) {
  add(f32);
  add(f64);
}

}  // namespace sluice::cpu::SLUICE_ISA
