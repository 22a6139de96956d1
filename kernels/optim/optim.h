// Updates of parameters: Adam and SGD, dense and of the rows of a table. Where the scale is NaN all stays as
// it is.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// AdamW when decoupled, else Adam with L2. g = scale * gradient; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
// w -= lr * (m / (1 - b1^step)) / (sqrt(v / (1 - b2^step)) + epsilon); decay before.
struct AdamScalars {
  double learning_rate = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  bool decoupled = true;
  int64_t step = 1;  // counts updates, from 1
  // What a row's moments decay by with each update that it missed.
  double idle_beta1 = beta1, idle_beta2 = beta2;
};

// What changes from update to update; in device memory a replayed launch finds it anew.
struct UpdateNumbers {
  double learning_rate, step;
  double step_size;     // lr / (1 - beta1^step)
  double inverse_root;  // 1 / sqrt(1 - beta2^step)

  explicit UpdateNumbers(const AdamScalars& c)
      : learning_rate(c.learning_rate),
        step(static_cast<double>(c.step)),
        step_size(c.learning_rate / (1 - std::pow(c.beta1, step))),
        inverse_root(1 / std::sqrt(1 - std::pow(c.beta2, step))) {}
};

template <class T>
struct AdamParams {
  AdamScalars scalars;
  View<T, 1> w;                        // [n] in and out
  View<const T, 1> g;                  // [n]
  View<T, 1> m, v;                     // [n] in and out
  View<const double, 1> scale;         // [1]
  const UpdateNumbers* now = nullptr;  // in place of the scalars', or null
};

// Rows ids[k] of a table, lazily: a row's moments (and decoupled decay) first catch up with the updates since
// touched[id], then the update, then touched[id] = step. Equal to AdamParams to the bit where none was
// missed.
template <class T>
struct AdamRowsParams {
  AdamScalars scalars;
  View<const int32_t, 1> ids;          // [M] distinct
  View<const T, 2> g;                  // [M,E]
  View<T, 2> w, m, v;                  // [V,E] in and out
  View<int32_t, 1> touched;            // [V] in and out
  View<const double, 1> scale;         // [1]
  const UpdateNumbers* now = nullptr;  // in place of the scalars', or null
};

// g = scale * gradient + decay w; m = momentum m + g; w -= lr m, or lr (g + momentum m) with Nesterov.
struct SgdScalars {
  double learning_rate = 0, momentum = 0, weight_decay = 0;
  bool nesterov = false;
  int64_t step = 1;
  double idle_momentum = momentum;  // as idle_beta1
};

template <class T>
struct SgdParams {
  SgdScalars scalars;
  View<T, 1> w;                        // [n] in and out
  View<const T, 1> g;                  // [n]
  View<T, 1> m;                        // [n] in and out
  View<const double, 1> scale;         // [1]
  const UpdateNumbers* now = nullptr;  // in place of the scalars', or null
};

template <class T>
struct SgdRowsParams {
  SgdScalars scalars;
  View<const int32_t, 1> ids;          // [M] distinct
  View<const T, 2> g;                  // [M,E]
  View<T, 2> w, m;                     // [V,E] in and out
  View<int32_t, 1> touched;            // [V] in and out
  View<const double, 1> scale;         // [1]
  const UpdateNumbers* now = nullptr;  // in place of the scalars', or null
};

template <class T>
void launch(const AdamParams<T>&, cudaStream_t);
template <class T>
void launch(const AdamRowsParams<T>&, cudaStream_t);
template <class T>
void launch(const SgdParams<T>&, cudaStream_t);
template <class T>
void launch(const SgdRowsParams<T>&, cudaStream_t);

}  // namespace sluice::cuda
