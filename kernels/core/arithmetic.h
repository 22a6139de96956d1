// The type that a storage type is computed in.
#pragma once

#include "kernels/core/bf16.h"
#include "kernels/core/f16.h"

namespace sluice {

// What values of storage type T are computed and accumulated in: itself, or f32 where T is only stored.
template <class T>
struct Arithmetic {
  using type = T;
};
template <>
struct Arithmetic<bf16> {
  using type = float;
};
template <>
struct Arithmetic<f16> {
  using type = float;
};
template <class T>
using arithmetic_t = typename Arithmetic<T>::type;

}  // namespace sluice
