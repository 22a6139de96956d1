// Short vectors of 128 bits for loads and stores, and the type that a storage type is computed in.
#pragma once

#include <cstdint>

#include "kernels/core/bf16.h"
#include "kernels/core/macros.h"

namespace sluice::cuda {

// What values of storage type T are computed in: itself, or f32 where T is only stored.
template <class T>
struct Arithmetic {
  using type = T;
};
template <>
struct Arithmetic<bf16> {
  using type = float;
};
template <class T>
using arithmetic_t = typename Arithmetic<T>::type;

template <class T, int W>
struct alignas(sizeof(T) * W) Vec {
  T at[W];
};

// Elements of T in 128 bits.
template <class T>
inline constexpr int kVecWidth = 16 / static_cast<int>(sizeof(T));

// W elements at p, which is aligned to all of them, in the type they are computed in.
template <int W, class T>
SLUICE_HD Vec<arithmetic_t<T>, W> load(const T* p) {
  const Vec<T, W> stored = *reinterpret_cast<const Vec<T, W>*>(p);
  Vec<arithmetic_t<T>, W> values;
  for (int i = 0; i < W; ++i) values.at[i] = static_cast<arithmetic_t<T>>(stored.at[i]);
  return values;
}

template <int W, class T>
SLUICE_HD void store(T* p, const Vec<arithmetic_t<T>, W>& values) {
  Vec<T, W> stored;
  for (int i = 0; i < W; ++i) stored.at[i] = static_cast<T>(values.at[i]);
  *reinterpret_cast<Vec<T, W>*>(p) = stored;
}

// Whether every pointer is aligned to 128 bits (a null one is).
template <class... T>
bool aligned_to_vec(const T*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

// Whether rows of `width` elements can be taken 128 bits at a time from each of these.
template <class T, class... P>
bool rows_in_vecs(int64_t width, const P*... pointers) {
  return width % kVecWidth<T> == 0 && aligned_to_vec(pointers...);
}

}  // namespace sluice::cuda
