// Short vectors for loads and stores of 128 bits.
#pragma once

#include <cstdint>

#include "kernels/core/arithmetic.h"
#include "kernels/core/macros.h"
#include "kernels/core/plan.h"

namespace sluice::cuda {

template <class T, int W>
struct alignas(sizeof(T) * W) Vec {
  T at[W];
};

// Elements of T in 128 bits.
template <class T>
inline constexpr int kVecWidth = 16 / static_cast<int>(sizeof(T));

// W elements at p in the type they are computed in, by accesses of 128 bits at most: p is aligned to 128 bits
// or to all of them, whichever is less.
template <int W, class T>
SLUICE_HD Vec<arithmetic_t<T>, W> load(const T* p) {
  constexpr int kPiece = W < kVecWidth<T> ? W : kVecWidth<T>;
  Vec<arithmetic_t<T>, W> values;
  for (int first = 0; first < W; first += kPiece) {
    const Vec<T, kPiece> stored = *reinterpret_cast<const Vec<T, kPiece>*>(p + first);
    for (int i = 0; i < kPiece; ++i) values.at[first + i] = static_cast<arithmetic_t<T>>(stored.at[i]);
  }
  return values;
}

template <int W, class T>
SLUICE_HD void store(T* p, const Vec<arithmetic_t<T>, W>& values) {
  constexpr int kPiece = W < kVecWidth<T> ? W : kVecWidth<T>;
  for (int first = 0; first < W; first += kPiece) {
    Vec<T, kPiece> stored;
    for (int i = 0; i < kPiece; ++i) stored.at[i] = static_cast<T>(values.at[first + i]);
    *reinterpret_cast<Vec<T, kPiece>*>(p + first) = stored;
  }
}

// Whether rows of `width` elements can be taken kVecWidth<T> at a time from each of these; T: the narrowest
// of their types.
template <class T, class... P>
bool rows_in_vecs(int64_t width, const P*... pointers) {
  return width % kVecWidth<T> == 0 && aligned_to_vec(pointers...);
}

}  // namespace sluice::cuda
