// How far a backend may be from the oracle, per dtype, with the reason beside each bound.
//
// All bounds are counted in units u, the rounding error of one operation: 2^-24 in f32, 2^-53 in f64. Types
// of 16 bits are only stored: what is computed of them counts in f32's units, and then one rounding of what
// is stored, 2^-8 of it in bf16 and 2^-11 in f16. An error is allowed of_element * u times the wanted value,
// plus of_largest * u times the largest wanted value of the same tensor: the first where nothing cancels, the
// second where sums of either sign do.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/tensor.h"

namespace sluice {

struct Bound {
  double of_element = 0, of_largest = 0;  // relative, u included
  double absolute = 0;
};

// What an error of a whole tensor may be: of its largest element, and in the root of its mean square.
struct TensorBound {
  double largest = 0, root_mean_square = 0;
};

namespace tolerance {

inline double unit(DType type) {
  return type == DType::f64 ? 0x1p-53 : 0x1p-24;
}

// What storing adds: nothing where the type is computed in.
inline double stored(DType type) {
  return type == DType::bf16 ? 0x1p-8 : type == DType::f16 ? 0x1p-11 : 0;
}

// A bound of what is computed, and of then storing it: below 2^-14, f16 has units of 2^-24 and no smaller.
inline Bound stored_as(DType type, Bound bound) {
  bound.of_element += stored(type);
  if (type == DType::f16) bound.absolute += 0x1p-25;
  return bound;
}

// Copies, maxima, masks, sums of small integers: no rounding at all.
inline Bound exact() {
  return {};
}

// A value made by `operations` roundings in a row, with no subtraction of nearly equal numbers.
inline Bound rounded(DType type, int operations) {
  return stored_as(type, {operations * unit(type), 0});
}

// A sum of n products in any order: the errors of n roundings add up like a random walk, sqrt(n); 4 is the
// tail.
inline Bound sum(DType type, double n) {
  return stored_as(type, {unit(type), 2 * std::sqrt(n + 1) * unit(type)});
}

// What an elementary function adds, in u, to either part of a bound. f32: kernels/core/math.h promises 2e-7
// relative for e^x and loses about twice that in tanh near zero (8 u in all); f64 uses libm (1 u) and the
// oracle's own rounding is as large (4 u).
inline double activation_units(DType type) {
  return type == DType::f64 ? 4 : 8;
}

// The same for states and outputs, for their gradients and for weights' gradients.
struct Activations {
  double values, gradients, weights;
};

// cuDNN's persistent algorithms are less exact in f32 than its standard one, one step already. What the tests
// of layers needed with cuDNN 9.19 on an H200: 43.4 for y, hT, cT, 93.5 for dx, dh0, dc0, 74.3 for dW, dR,
// db, by any of the three, of the LSTM; less of the GRU. Here: what 1.2 times those errors need.
constexpr Activations kCudnnPersistent = {53, 112, 92};

// A sum of n products where an elementary function, which adds `units`, follows or comes first.
inline Bound activated_sum(DType type, double n, double units) {
  Bound bound = sum(type, n);
  bound.of_element += units * unit(type);
  bound.of_largest += units * unit(type);
  return bound;
}

// States and gradients of a recurrence of T steps over sums of n products. An error made at one step is
// carried to the next through gates below 1 and weights of about 1/sqrt(H): it neither dies nor explodes on
// the tests' shapes, and T steps' errors add up like a random walk.
inline Bound recurrence(DType type, double T, double n, double units) {
  const Bound step = activated_sum(type, n, units);
  const double steps = std::sqrt(T + 1);
  return {step.of_element * steps, step.of_largest * steps};
}

// A weight gradient: n products summed of terms that each have a recurrence's error.
inline Bound weight_gradient(DType type, double T, double n, double tokens, double units) {
  const Bound term = recurrence(type, T, n, units), added = sum(type, tokens);
  return {term.of_element + added.of_element, term.of_largest + added.of_largest};
}

// A result in 16 bits, against the exact one: three times as far as the same computation in double is that is
// rounded at the same points. A kernel's own roundings fall like those but for ties that f32 decides
// otherwise. In a tensor of few elements the reference may by luck be exact where a tie fell the other way:
// there, what storing the largest costs is allowed besides.
inline TensorBound rounded_reference(DType type, const std::vector<double>& rounded,
                                     const std::vector<double>& exact) {
  double largest = 0, largest_error = 0, squares = 0;
  for (size_t k = 0; k < exact.size(); ++k) {
    const double error = rounded[k] - exact[k];
    largest = std::max(largest, std::abs(exact[k]));
    largest_error = std::max(largest_error, std::abs(error));
    squares += error * error;
  }
  const double mean = exact.empty() ? 0 : squares / static_cast<double>(exact.size());
  constexpr size_t kFew = 64;
  const double besides = exact.size() < kFew ? stored(type) * largest : 0;
  return {3 * largest_error + besides, 3 * std::sqrt(mean) + besides};
}

}  // namespace tolerance
}  // namespace sluice
