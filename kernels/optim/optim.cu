// Adam and SGD, dense over flat arrays and lazy over rows of a table.
//
// Maths:   optim.h. Every product that meets a sum is an explicit fma, so that no compiler's choice of
//          contraction can part the dense kernel from the lazy one: they agree to the bit.
// Shapes:  dense [n]; lazy rows of E elements of [V,E] tables, named by ids [M].
// Grid:    dense: 128 bits of each array a thread. Lazy: a warp a row; its lane 0 finds the factors of the
//          missed updates, b^missed in f64, once for the row.
// Bytes:   Adam 7 n s (reads w g m v, writes w m v), SGD 5 n s, s the size of T; rows the same and 12 each.
// Bound:   memory.
// Sync:    none between warps: ids are distinct, so each element has one owner. Within a warp, touched[id] is
//          read and written by lane 0 alone and its factors pass through shuffles.
#include <cmath>

#include "kernels/core/launch.cuh"
#include "kernels/core/reduce.cuh"
#include "kernels/optim/flat.cuh"
#include "kernels/optim/optim.h"

namespace sluice::cuda {
namespace {

// Decay factors ready to multiply with. A is the type of arithmetic.
template <class A>
struct AdamRule {
  A l2;    // of w, added to g; 0 when decoupled
  A keep;  // w *= keep first: 1 - lr * decay when decoupled, else 1
  A beta1, rest1, beta2, rest2;
  A step_size;     // lr / (1 - beta1^step)
  A inverse_root;  // 1 / sqrt(1 - beta2^step)
  A epsilon;

  explicit AdamRule(const AdamScalars& c) {
    l2 = static_cast<A>(c.decoupled ? 0 : c.weight_decay);
    keep = static_cast<A>(c.decoupled ? 1 - c.learning_rate * c.weight_decay : 1);
    beta1 = static_cast<A>(c.beta1);
    beta2 = static_cast<A>(c.beta2);
    rest1 = 1 - beta1;
    rest2 = 1 - beta2;
    epsilon = static_cast<A>(c.epsilon);
    const UpdateNumbers now(c);
    step_size = static_cast<A>(now.step_size);
    inverse_root = static_cast<A>(now.inverse_root);
  }

  // In place of those of the scalars that it was made of. No contraction: the bits of the host's.
  __device__ void take(const AdamScalars& c, const UpdateNumbers* now) {
    if (!now) return;
    if (c.decoupled) keep = static_cast<A>(__dadd_rn(1, -__dmul_rn(now->learning_rate, c.weight_decay)));
    step_size = static_cast<A>(now->step_size);
    inverse_root = static_cast<A>(now->inverse_root);
  }

  __device__ void update(A scale, A& w, A g, A& m, A& v) const {
    const A gradient = fma(l2, w, scale * g);
    m = fma(beta1, m, rest1 * gradient);
    v = fma(beta2, v, rest2 * gradient * gradient);
    w = fma(keep, w, -(step_size * m / fma(sqrt(v), inverse_root, epsilon)));
  }
};

template <class A>
struct SgdRule {
  A decay, momentum, rate;
  bool nesterov;

  explicit SgdRule(const SgdScalars& c)
      : decay(static_cast<A>(c.weight_decay)),
        momentum(static_cast<A>(c.momentum)),
        rate(static_cast<A>(c.learning_rate)),
        nesterov(c.nesterov) {}

  __device__ void take(const UpdateNumbers* now) {
    if (now) rate = static_cast<A>(now->learning_rate);
  }

  __device__ void update(A scale, A& w, A g, A& m) const {
    const A gradient = fma(decay, w, scale * g);
    m = fma(momentum, m, gradient);
    w = fma(-rate, nesterov ? fma(momentum, m, gradient) : m, w);
  }
};

template <class T>
__global__ void __launch_bounds__(kFlatThreads)
    adam(AdamParams<T> p, AdamRule<arithmetic_t<T>> rule, bool aligned) {
  const auto scale = static_cast<arithmetic_t<T>>(p.scale(0));
  if (isnan(scale)) return;
  rule.take(p.scalars, p.now);
  const int64_t begin = flat_begin<T>(), n = p.w.dims[0];
  auto w = load_piece(p.w.data, begin, n, aligned), m = load_piece(p.m.data, begin, n, aligned),
       v = load_piece(p.v.data, begin, n, aligned);
  const auto g = load_piece(p.g.data, begin, n, aligned);
#pragma unroll
  for (int i = 0; i < kVecWidth<T>; ++i) rule.update(scale, w.at[i], g.at[i], m.at[i], v.at[i]);
  store_piece(p.m.data, begin, n, aligned, m);
  store_piece(p.v.data, begin, n, aligned, v);
  store_piece(p.w.data, begin, n, aligned, w);
}

template <class T>
__global__ void __launch_bounds__(kFlatThreads)
    sgd(SgdParams<T> p, SgdRule<arithmetic_t<T>> rule, bool aligned) {
  const auto scale = static_cast<arithmetic_t<T>>(p.scale(0));
  if (isnan(scale)) return;
  rule.take(p.now);
  const int64_t begin = flat_begin<T>(), n = p.w.dims[0];
  auto w = load_piece(p.w.data, begin, n, aligned), m = load_piece(p.m.data, begin, n, aligned);
  const auto g = load_piece(p.g.data, begin, n, aligned);
#pragma unroll
  for (int i = 0; i < kVecWidth<T>; ++i) rule.update(scale, w.at[i], g.at[i], m.at[i]);
  store_piece(p.m.data, begin, n, aligned, m);
  store_piece(p.w.data, begin, n, aligned, w);
}

// This warp's row of ids, or past their end.
__device__ int64_t row_of_warp() {
  return static_cast<int64_t>(blockIdx.x) * (kFlatThreads / kWarp) + threadIdx.x / kWarp;
}
unsigned warp_blocks(int64_t rows) {
  constexpr int64_t kRows = kFlatThreads / kWarp;
  return static_cast<unsigned>((rows + kRows - 1) / kRows);
}

// What lane 0 of a warp knows, in every lane.
template <class A>
__device__ A from_lane_0(A value) {
  return __shfl_sync(kWholeWarp, value, 0);
}

template <class T, int W>
__global__ void __launch_bounds__(kFlatThreads)
    adam_rows(AdamRowsParams<T> p, AdamRule<arithmetic_t<T>> rule) {
  using A = arithmetic_t<T>;
  const int64_t k = row_of_warp();
  if (k >= p.ids.dims[0] || isnan(p.scale(0))) return;  // whole warps leave
  const int64_t row = p.ids(k);
  if (row < 0) return;
  const int64_t lane = threadIdx.x % kWarp;
  AdamScalars c = p.scalars;
  if (p.now) {
    c.learning_rate = p.now->learning_rate;
    c.step = static_cast<int64_t>(p.now->step);
  }
  rule.take(c, p.now);
  A m_factor = 1, v_factor = 1, w_factor = 1;
  if (lane == 0) {
    const auto missed = static_cast<double>(c.step - 1 - p.touched(row));
    if (missed > 0) {
      m_factor = static_cast<A>(pow(c.idle_beta1, missed));
      v_factor = static_cast<A>(pow(c.idle_beta2, missed));
      if (c.decoupled && c.weight_decay != 0)
        w_factor = static_cast<A>(pow(1 - c.learning_rate * c.weight_decay, missed));
    }
    p.touched(row) = static_cast<int32_t>(c.step);
  }
  m_factor = from_lane_0(m_factor);
  v_factor = from_lane_0(v_factor);
  w_factor = from_lane_0(w_factor);
  const A scale = static_cast<A>(p.scale(0));
  for (int64_t j = lane * W; j < p.w.dims[1]; j += kWarp * W) {
    auto w = load<W>(p.w.row(row) + j), m = load<W>(p.m.row(row) + j), v = load<W>(p.v.row(row) + j);
    const auto g = load<W>(p.g.row(k) + j);
#pragma unroll
    for (int i = 0; i < W; ++i) {
      m.at[i] *= m_factor;  // times 1 changes no bit
      v.at[i] *= v_factor;
      w.at[i] *= w_factor;
      rule.update(scale, w.at[i], g.at[i], m.at[i], v.at[i]);
    }
    store<W>(p.m.row(row) + j, m);
    store<W>(p.v.row(row) + j, v);
    store<W>(p.w.row(row) + j, w);
  }
}

template <class T, int W>
__global__ void __launch_bounds__(kFlatThreads) sgd_rows(SgdRowsParams<T> p, SgdRule<arithmetic_t<T>> rule) {
  using A = arithmetic_t<T>;
  const int64_t k = row_of_warp();
  if (k >= p.ids.dims[0] || isnan(p.scale(0))) return;
  const int64_t row = p.ids(k);
  if (row < 0) return;
  const int64_t lane = threadIdx.x % kWarp, step = p.now ? static_cast<int64_t>(p.now->step) : p.scalars.step;
  rule.take(p.now);
  A m_factor = 1;
  if (lane == 0) {
    const auto missed = static_cast<double>(step - 1 - p.touched(row));
    if (missed > 0) m_factor = static_cast<A>(pow(p.scalars.idle_momentum, missed));
    p.touched(row) = static_cast<int32_t>(step);
  }
  m_factor = from_lane_0(m_factor);
  const A scale = static_cast<A>(p.scale(0));
  for (int64_t j = lane * W; j < p.w.dims[1]; j += kWarp * W) {
    auto w = load<W>(p.w.row(row) + j), m = load<W>(p.m.row(row) + j);
    const auto g = load<W>(p.g.row(k) + j);
#pragma unroll
    for (int i = 0; i < W; ++i) {
      m.at[i] *= m_factor;
      rule.update(scale, w.at[i], g.at[i], m.at[i]);
    }
    store<W>(p.m.row(row) + j, m);
    store<W>(p.w.row(row) + j, w);
  }
}

}  // namespace

template <class T>
void launch(const AdamParams<T>& p, cudaStream_t stream) {
  const int64_t n = p.w.dims[0];
  if (n == 0) return;
  launch_kernel("adam", adam<T>, dim3(flat_blocks<T>(n)), dim3(kFlatThreads), 0, stream, p,
                AdamRule<arithmetic_t<T>>(p.scalars), aligned_to_vec(p.w.data, p.g.data, p.m.data, p.v.data));
}

template <class T>
void launch(const SgdParams<T>& p, cudaStream_t stream) {
  const int64_t n = p.w.dims[0];
  if (n == 0) return;
  launch_kernel("sgd", sgd<T>, dim3(flat_blocks<T>(n)), dim3(kFlatThreads), 0, stream, p,
                SgdRule<arithmetic_t<T>>(p.scalars), aligned_to_vec(p.w.data, p.g.data, p.m.data));
}

template <class T>
void launch(const AdamRowsParams<T>& p, cudaStream_t stream) {
  const int64_t rows = p.ids.dims[0];
  if (rows == 0) return;
  const bool wide = rows_in_vecs<T>(p.w.dims[1], p.w.data, p.g.data, p.m.data, p.v.data);
  launch_kernel("adam_rows", wide ? adam_rows<T, kVecWidth<T>> : adam_rows<T, 1>, dim3(warp_blocks(rows)),
                dim3(kFlatThreads), 0, stream, p, AdamRule<arithmetic_t<T>>(p.scalars));
}

template <class T>
void launch(const SgdRowsParams<T>& p, cudaStream_t stream) {
  const int64_t rows = p.ids.dims[0];
  if (rows == 0) return;
  const bool wide = rows_in_vecs<T>(p.w.dims[1], p.w.data, p.g.data, p.m.data);
  launch_kernel("sgd_rows", wide ? sgd_rows<T, kVecWidth<T>> : sgd_rows<T, 1>, dim3(warp_blocks(rows)),
                dim3(kFlatThreads), 0, stream, p, SgdRule<arithmetic_t<T>>(p.scalars));
}

template void launch(const AdamParams<float>&, cudaStream_t);
template void launch(const AdamParams<double>&, cudaStream_t);
template void launch(const AdamRowsParams<float>&, cudaStream_t);
template void launch(const AdamRowsParams<double>&, cudaStream_t);
template void launch(const SgdParams<float>&, cudaStream_t);
template void launch(const SgdParams<double>&, cudaStream_t);
template void launch(const SgdRowsParams<float>&, cudaStream_t);
template void launch(const SgdRowsParams<double>&, cudaStream_t);

}  // namespace sluice::cuda
