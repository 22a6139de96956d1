// One time step of a recurrence with layer normalisation in the cell (Ba, Kiros and Hinton 2016), and the
// normalisation of rows.
//
// Maths:   hat(v) = (v - mean) / sqrt(variance + 1e-5), over the whole vector v.
//          forward   the cell of step.cu on gain * hat(W x) and gain * hat(R h), where hat(W x) is ready; in
//                    a cell of two states, h comes from gain * hat(c) + bias.
//          backward  of v: inverse * (d - mean(d) - hat * mean(d * hat)), d the gradient of hat, which is
//                    gain times that of gain * hat. The gradient of R h takes the place of its hat.
// Types:   hats are stored as rows are, T; moments and sums are of A. In 16 bits, the way back sees c as the
//          rounded gates make it, and h the output gate as it is stored.
// Shapes:  as in step.cu; hats [N,G*H].
// Grid:    a block of 128 threads for each row, as a row is what is normalised; a thread owns vectors of W
//          units, 128 * W apart, in every pass over the row.
// Bytes:   of step.cu, and forward G more for hat(R h) and the gains once for all rows; backward 2 G for it,
//          its gains' gradients 2 G, and 4 for those of c. A row is passed over again for each moment: those
//          loads hit the cache, as a row is a few kB.
// Bound:   by latency: forward four reductions over the block, two for each moments_of; backward four.
// Sync:    block_sum's barriers, which all threads reach: what ends a loop depends on H alone, and a block
//          whose row is not active leaves as a whole. A thread re-reads what it wrote itself, and no other
//          thread's; blocks share nothing.
#include "kernels/core/launch.cuh"
#include "kernels/core/reduce.cuh"
#include "kernels/recurrence_step/step.cuh"

namespace sluice::cuda {
namespace {

// Calls f(j) for this thread's vectors of units [j, j + W) of a row of H.
template <int W, class F>
__device__ void for_units(int H, const F& f) {
  for (int j = static_cast<int>(threadIdx.x) * W; j < H; j += kNormThreads * W) f(j);
}

template <class T>
struct Moments {
  T mean, inverse;
};

// Of n numbers; a thread reads what for_units<W>(n) gives it. The mean first: squares of differences do not
// cancel.
template <int W, class T>
__device__ Moments<arithmetic_t<T>> moments_of(const T* row, int n) {
  using A = arithmetic_t<T>;
  A sum = 0, squares = 0;
  for_units<W>(n, [&](int j) {
    const Vec<A, W> v = load<W>(row + j);
#pragma unroll
    for (int i = 0; i < W; ++i) sum += v.at[i];
  });
  const A mean = block_sum<kNormThreads>(sum) / static_cast<A>(n);
  for_units<W>(n, [&](int j) {
    const Vec<A, W> v = load<W>(row + j);
#pragma unroll
    for (int i = 0; i < W; ++i) squares += (v.at[i] - mean) * (v.at[i] - mean);
  });
  const A variance = block_sum<kNormThreads>(squares) / static_cast<A>(n);
  return {mean, A(1) / sqrt(variance + A(1e-5))};
}

// Sums of d and d * hat on the way back.
template <class T>
struct HatSums {
  T d = 0, product = 0;

  __device__ void add(T d_hat, T hat) {
    d += d_hat;
    product += d_hat * hat;
  }
  // Over the block, divided by the n numbers of the vector.
  __device__ HatSums mean(int n) const {
    HatSums all;
    all.d = block_sum<kNormThreads>(d) / static_cast<T>(n);
    all.product = block_sum<kNormThreads>(product) / static_cast<T>(n);
    return all;
  }
};

// Gradient of what was normalised; `mean` of its whole vector.
template <class T>
__device__ T through_norm(T inverse, T d_hat, T hat, const HatSums<T>& mean) {
  return inverse * (d_hat - mean.d - hat * mean.product);
}

template <class T, int W>
__global__ void __launch_bounds__(kNormThreads) norm_rows(NormRowsParams<T> p) {
  using A = arithmetic_t<T>;
  T* row = p.x.row(blockIdx.x);
  const int n = static_cast<int>(p.x.dims[1]);
  const Moments<A> m = moments_of<W>(static_cast<const T*>(row), n);
  for_units<W>(n, [&](int j) {
    Vec<A, W> v = load<W>(row + j);
#pragma unroll
    for (int i = 0; i < W; ++i) v.at[i] = (v.at[i] - m.mean) * m.inverse;
    store<W>(row + j, v);
  });
  if (threadIdx.x == 0) p.inverse(blockIdx.x) = m.inverse;
}

template <class T, int W>
__global__ void __launch_bounds__(kNormThreads) norm_rows_backward(NormRowsBackwardParams<T> p) {
  using A = arithmetic_t<T>;
  const int n = static_cast<int>(p.hat.dims[1]);
  const T* d = p.d.row(blockIdx.x);
  T* hat = p.hat.row(blockIdx.x);
  HatSums<A> sums;
  for_units<W>(n, [&](int j) {
    const Vec<A, W> dv = load<W>(d + j), gain = load<W>(p.gain.data + j), h = load<W>(hat + j);
#pragma unroll
    for (int i = 0; i < W; ++i) sums.add(gain.at[i] * dv.at[i], h.at[i]);
  });
  const HatSums<A> mean = sums.mean(n);
  const A inverse = p.inverse(blockIdx.x);
  for_units<W>(n, [&](int j) {
    const Vec<A, W> dv = load<W>(d + j), gain = load<W>(p.gain.data + j);
    Vec<A, W> h = load<W>(hat + j);
#pragma unroll
    for (int i = 0; i < W; ++i) h.at[i] = through_norm(inverse, gain.at[i] * dv.at[i], h.at[i], mean);
    store<W>(hat + j, h);
  });
}

// ---- forward

// slots *= gain, of units [j, j + W).
template <int Q, int W, class A>
__device__ void scale(const View<const A, 1>& gain, int j, int H, Vec<A, W> (&slots)[Q]) {
  Vec<A, W> gains[Q];
  load_slots(gain.data + j, H, gains);
#pragma unroll
  for (int q = 0; q < Q; ++q)
#pragma unroll
    for (int i = 0; i < W; ++i) slots[q].at[i] *= gains[q].at[i];
}

// The cell of units [j, j + W): hat(R h) is kept, the slots are stored; of two states, the new c for now
// where it will be saved.
template <class Cell, int W, class T>
__device__ void run_units(const StepForwardParams<T>& p, const Moments<arithmetic_t<T>>& m, int b, int j) {
  using A = arithmetic_t<T>;
  const int H = static_cast<int>(p.h.dims[1]);
  const int64_t row = p.first_row + b;
  Vec<A, W> x[Cell::kGates], h[Cell::kGates], bias[Cell::kSaved], slots[Cell::kSaved];
  Vec<A, W> prev[Cell::kStates] = {}, next[Cell::kStates];
  load_slots(x_pre_of(p, row) + j, H, x);
  load_slots(p.h_pre.row(b) + j, H, h);
  load_slots(p.b.data + j, H, bias);
#pragma unroll
  for (int q = 0; q < Cell::kGates; ++q)
#pragma unroll
    for (int i = 0; i < W; ++i) h[q].at[i] = (h[q].at[i] - m.mean) * m.inverse;
  store_slots(p.norms.h_hat.row(row) + j, H, h);
  scale(p.norms.input, j, H, x);
  scale(p.norms.recurrent, j, H, h);
  load_before<Cell, true>(p, b, j, prev);
  run_cell<Cell>(x, h, bias, prev, slots, next);
  store_slots(p.slots.row(row) + j, H, slots);
  if constexpr (Cell::kStates == 2)
    store<W>(p.c_saved.row(row) + j, next[1]);
  else
    store_state<Cell, true>(p, b, j, prev, next);
}

// h of units [j, j + W) of what they see of c.
template <class Cell, int W, class T>
__device__ void output_units(const StepForwardParams<T>& p, const Moments<arithmetic_t<T>>& m, int b, int j) {
  using A = arithmetic_t<T>;
  const int64_t row = p.first_row + b;
  Vec<A, W> slots[Cell::kSaved], prev[Cell::kStates] = {}, next[Cell::kStates];
  load_slots(p.slots.row(row) + j, static_cast<int>(p.h.dims[1]), slots);
  load_before<Cell, true>(p, b, j, prev);
  next[1] = load<W>(p.c_saved.row(row) + j);
  const Vec<A, W> gain = load<W>(p.norms.cell.data + j), bias = load<W>(p.norms.cell_bias.data + j);
#pragma unroll
  for (int i = 0; i < W; ++i) {
    A unit[Cell::kSaved];
    take(slots, i, unit);
    next[0].at[i] = Cell::output(unit, gain.at[i] * ((next[1].at[i] - m.mean) * m.inverse) + bias.at[i]);
  }
  store_state<Cell, true>(p, b, j, prev, next);
}

// Blocks of an SM that registers leave room for; 0: as many as ptxas likes, which in 16 bits spills for one.
template <class T, int W>
constexpr int kForwardBlocks = W == 1 && !std::is_same_v<T, arithmetic_t<T>> ? 5 : 0;

template <class Cell, class T, int W>
__global__ void __launch_bounds__(kNormThreads, kForwardBlocks<T, W>)
    norm_step_forward(StepForwardParams<T> p) {
  const int b = static_cast<int>(blockIdx.x), H = static_cast<int>(p.h.dims[1]);
  if (b >= active_at(p.active_now, p.t, p.active)) return;
  const int64_t row = p.first_row + b;
  const auto m = moments_of<W>(p.h_pre.row(b), Cell::kGates * H);
  for_units<W>(H, [&](int j) { run_units<Cell, W>(p, m, b, j); });
  if (threadIdx.x == 0) p.norms.h_inverse(row) = m.inverse;
  if constexpr (Cell::kStates == 2) {
    const auto of_c = moments_of<W>(p.c_saved.row(row), H);
    for_units<W>(H, [&](int j) { output_units<Cell, W>(p, of_c, b, j); });
    if (threadIdx.x == 0) {
      p.norms.c_mean(row) = of_c.mean;
      p.norms.c_inverse(row) = of_c.inverse;
    }
  }
}

// ---- backward

// What h sees of c, on the way back, in units [j, j + W).
template <int W, class A>
struct Seen {
  Vec<A, W> hat, d, d_output;  // c normalised; gradients of gain * hat + bias and of the output gate's sum

  template <class Cell, class T>
  __device__ void load_of(const StepBackwardParams<T>& p, int64_t row, int j,
                          const Vec<A, W> (&slots)[Cell::kSaved], const Vec<A, W>& c_prev,
                          const Vec<A, W>& dh) {
    const A mean = p.norms.c_mean(row), inverse = p.norms.c_inverse(row);
    const Vec<A, W> gain = load<W>(p.norms.cell.data + j), bias = load<W>(p.norms.cell_bias.data + j);
#pragma unroll
    for (int i = 0; i < W; ++i) {
      A unit[Cell::kSaved];
      take(slots, i, unit);
      hat.at[i] = (Cell::state(unit, c_prev.at[i]) - mean) * inverse;
      d_output.at[i] = Cell::output_backward(unit, gain.at[i] * hat.at[i] + bias.at[i], dh.at[i], d.at[i]);
    }
  }
};

// to += d * hat, or d alone.
template <int W, class A>
__device__ void add_to(A* to, const Vec<A, W>& d, const Vec<A, W>* hat) {
  Vec<A, W> sum = load<W>(to);
#pragma unroll
  for (int i = 0; i < W; ++i) sum.at[i] += hat ? d.at[i] * hat->at[i] : d.at[i];
  store<W>(to, sum);
}

// The sums that the gradient of c through h needs.
template <class Cell, int W, class T>
__device__ HatSums<arithmetic_t<T>> sums_of_c(const StepBackwardParams<T>& p, int b) {
  using A = arithmetic_t<T>;
  const int H = static_cast<int>(p.dh.dims[1]);
  const int64_t row = p.first_row + b;
  HatSums<A> sums;
  for_units<W>(H, [&](int j) {
    Vec<A, W> slots[Cell::kSaved], prev[Cell::kStates] = {}, d[Cell::kStates], kept[Cell::kStates] = {};
    load_slots(p.slots.row(row) + j, H, slots);
    load_before<Cell>(p, b, j, prev);
    load_gradients<Cell, true>(p, b, j, d, kept);
    Seen<W, A> seen;
    seen.template load_of<Cell>(p, row, j, slots, prev[1], d[0]);
    const Vec<A, W> gain = load<W>(p.norms.cell.data + j);
#pragma unroll
    for (int i = 0; i < W; ++i) sums.add(gain.at[i] * seen.d.at[i], seen.hat.at[i]);
  });
  return sums;
}

// The cell of units [j, j + W) backward; adds to the gradients of the gains and to the sums that the gradient
// of R h needs.
template <class Cell, int W, class T>
__device__ void run_units(const StepBackwardParams<T>& p, const HatSums<arithmetic_t<T>>& mean_of_c, int b,
                          int j, HatSums<arithmetic_t<T>>& sums) {
  using A = arithmetic_t<T>;
  constexpr int G = Cell::kGates, S = Cell::kSaved;
  const int H = static_cast<int>(p.dh.dims[1]);
  const int64_t row = p.first_row + b;
  Vec<A, W> slots[S], prev[Cell::kStates] = {}, d[Cell::kStates], kept[Cell::kStates] = {};
  load_slots(p.slots.row(row) + j, H, slots);
  load_before<Cell>(p, b, j, prev);
  load_gradients<Cell, true>(p, b, j, d, kept);
  if constexpr (Cell::kStates == 2) {
    Seen<W, A> seen;
    seen.template load_of<Cell>(p, row, j, slots, prev[1], d[0]);
    const Vec<A, W> gain = load<W>(p.norms.cell.data + j);
#pragma unroll
    for (int i = 0; i < W; ++i) {
      d[0].at[i] = 0;
      d[1].at[i] +=
          through_norm(p.norms.c_inverse(row), gain.at[i] * seen.d.at[i], seen.hat.at[i], mean_of_c);
    }
    run_cell_backward<Cell>(prev, slots, d);
    slots[Cell::kOutputGate] = seen.d_output;
    add_to<W>(p.norms.d_cell.row(b) + j, seen.d, &seen.hat);
    add_to<W, A>(p.norms.d_cell_bias.row(b) + j, seen.d, nullptr);
  } else {
    run_cell_backward<Cell>(prev, slots, d);
  }
  store_slots(p.slots.row(row) + j, H, slots);
  store_gradients<Cell, true>(p, b, j, kept, d);

  Vec<A, W> hat[G], gain[G];
  load_slots(static_cast<const T*>(p.norms.h_hat.row(row)) + j, H, hat);
  load_slots(p.norms.recurrent.data + j, H, gain);
#pragma unroll
  for (int q = 0; q < G; ++q) {
    const Vec<A, W>& d_sum = slots[S - G + q];
#pragma unroll
    for (int i = 0; i < W; ++i) sums.add(gain[q].at[i] * d_sum.at[i], hat[q].at[i]);
    add_to<W>(p.norms.d_recurrent.row(b) + q * H + j, d_sum, &hat[q]);
  }
}

template <class Cell, class T, int W>
__global__ void __launch_bounds__(kNormThreads, 3) norm_step_backward(StepBackwardParams<T> p) {
  using A = arithmetic_t<T>;
  constexpr int G = Cell::kGates, S = Cell::kSaved;
  const int b = static_cast<int>(blockIdx.x), H = static_cast<int>(p.dh.dims[1]);
  const int64_t row = p.first_row + b;
  if (b >= active_at(p.active_now, p.t, p.active)) {
    for_units<W>(H, [&](int j) {
      zero_slots<S, W>(p.slots.row(row) + j, H);
      zero_slots<G, W>(p.norms.h_hat.row(row) + j, H);
    });
    return;
  }
  HatSums<A> mean_of_c, sums;
  if constexpr (Cell::kStates == 2) mean_of_c = sums_of_c<Cell, W>(p, b).mean(H);
  for_units<W>(H, [&](int j) { run_units<Cell, W>(p, mean_of_c, b, j, sums); });
  const HatSums<A> mean = sums.mean(G * H);
  const bool at_zero = p.norms.from_zero && b >= active_at(p.active_now, p.t_before, p.active_before);
  const A inverse = at_zero ? A(0) : p.norms.h_inverse(row);  // Note [A state of zeros]
  for_units<W>(H, [&](int j) {
    Vec<A, W> d[G], hat[G], gain[G];
    load_slots(static_cast<const T*>(p.slots.row(row)) + (S - G) * H + j, H, d);
    load_slots(static_cast<const T*>(p.norms.h_hat.row(row)) + j, H, hat);
    load_slots(p.norms.recurrent.data + j, H, gain);
#pragma unroll
    for (int q = 0; q < G; ++q)
#pragma unroll
      for (int i = 0; i < W; ++i)
        hat[q].at[i] = through_norm(inverse, gain[q].at[i] * d[q].at[i], hat[q].at[i], mean);
    store_slots(p.norms.h_hat.row(row) + j, H, hat);
  });
}

// ---- launchers

template <class P>
void launch_blocks(const char* name, void (*kernel)(P), int64_t rows, const P& p, cudaStream_t stream) {
  if (rows > 0)
    launch_kernel(name, kernel, dim3(static_cast<unsigned>(rows)), dim3(kNormThreads), 0, stream, p);
}

}  // namespace

template <class T>
void launch_normed(const StepForwardParams<T>& p, const Plan& plan, cudaStream_t stream) {
  dispatch_cell(p.cell, [&]<class Cell>() {
    launch_kernel("norm_step_forward",
                  plan.width > 1 ? norm_step_forward<Cell, T, kWide<T>> : norm_step_forward<Cell, T, 1>, plan,
                  stream, p);
  });
}
template <class T>
void launch_normed(const StepBackwardParams<T>& p, const Plan& plan, cudaStream_t stream) {
  dispatch_cell(p.cell, [&]<class Cell>() {
    launch_kernel("norm_step_backward",
                  plan.width > 1 ? norm_step_backward<Cell, T, kWide<T>> : norm_step_backward<Cell, T, 1>,
                  plan, stream, p);
  });
}

template <class T>
void launch(const NormRowsParams<T>& p, cudaStream_t stream) {
  const bool wide = rows_in_vecs<arithmetic_t<T>>(p.x.dims[1], p.x.data);
  launch_blocks("norm_rows", wide ? norm_rows<T, kWide<T>> : norm_rows<T, 1>, p.x.dims[0], p, stream);
}
template <class T>
void launch(const NormRowsBackwardParams<T>& p, cudaStream_t stream) {
  const bool wide = rows_in_vecs<arithmetic_t<T>>(p.hat.dims[1], p.hat.data, p.d.data, p.gain.data) &&
                    p.d.dims[1] % kWide<T> == 0;
  launch_blocks("norm_rows_backward", wide ? norm_rows_backward<T, kWide<T>> : norm_rows_backward<T, 1>,
                p.hat.dims[0], p, stream);
}

template void launch_normed(const StepForwardParams<float>&, const Plan&, cudaStream_t);
template void launch_normed(const StepForwardParams<double>&, const Plan&, cudaStream_t);
template void launch_normed(const StepForwardParams<bf16>&, const Plan&, cudaStream_t);
template void launch_normed(const StepForwardParams<f16>&, const Plan&, cudaStream_t);
template void launch_normed(const StepBackwardParams<float>&, const Plan&, cudaStream_t);
template void launch_normed(const StepBackwardParams<double>&, const Plan&, cudaStream_t);
template void launch_normed(const StepBackwardParams<bf16>&, const Plan&, cudaStream_t);
template void launch_normed(const StepBackwardParams<f16>&, const Plan&, cudaStream_t);
template void launch(const NormRowsParams<float>&, cudaStream_t);
template void launch(const NormRowsParams<double>&, cudaStream_t);
template void launch(const NormRowsParams<bf16>&, cudaStream_t);
template void launch(const NormRowsParams<f16>&, cudaStream_t);
template void launch(const NormRowsBackwardParams<float>&, cudaStream_t);
template void launch(const NormRowsBackwardParams<double>&, cudaStream_t);
template void launch(const NormRowsBackwardParams<bf16>&, cudaStream_t);
template void launch(const NormRowsBackwardParams<f16>&, cudaStream_t);

}  // namespace sluice::cuda
