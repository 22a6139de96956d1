// One time step of a recurrence: gates and cell, forward and backward, fused between the products with R.
//
// Maths:   forward   gates = act(x_pre + h_pre + b); c, h from the cell (kernels/cells); zoneout mixes both
//                    with the state before; recurrent dropout masks the h that the next product reads.
//          backward  dh = dy + what the step after left; the cell's gradients; gates become their gradients.
// Shapes:  gates [N,G*H] gate-major, states [B,H], y [N,D*H]; the rows of the step are a prefix of the batch.
// Grid:    a thread owns W neighbouring units of one row (128 bits where H allows it); 256 threads a block.
// Bytes:   forward, for each unit of each active row and G gates: reads x_pre, h_pre (2 G) and c; writes the
//          gates (G), c twice (state and saved), h, y: (3 G + 5) sizeof(T), 68 for an LSTM in f32, + 1 with
//          dropout, + 1 with zoneout. b is shared by all rows. Backward: reads gates, c_prev, dy, dh, dc and
//          writes gates and dc: (2 G + 5) sizeof(T), + 2 with dropout, + 1 with zoneout.
// Bound:   by these bytes at large active * H, else by the launch.
// Sync:    none: each element of every tensor has one owner, who reads it before it writes it (`gates` may
//          be `x_pre`; h and c are updated in place). Steps follow each other in the order of their stream.
#include "kernels/cells/lstm.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/vec.h"
#include "kernels/recurrence_step/masks.cuh"
#include "kernels/recurrence_step/recurrence_step.h"

namespace sluice::cuda {
namespace {

constexpr int kThreads = 256;

// Where a thread stands: row b of the step, units [j, j + W).
template <int W>
struct Place {
  int b, j;

  __device__ Place(int hidden) {
    const int lanes = hidden / W,
              item = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
    b = item / lanes;
    j = item % lanes * W;
  }
};

// share * before + (1 - share) * now
template <int W, class T>
__device__ void keep(const Vec<T, W>& share, const Vec<T, W>& before, Vec<T, W>& now) {
#pragma unroll
  for (int i = 0; i < W; ++i) now.at[i] = share.at[i] * before.at[i] + (T(1) - share.at[i]) * now.at[i];
}

// Active rows of step t, of which the host knows `most`; 0 outside the batch's steps.
__device__ int active_at(const View<const int32_t, 1>& now, int t, int most) {
  return now && most > 0 ? now(t) : most;
}

template <class Cell, class T, int W, bool kRegularised>
__global__ void __launch_bounds__(kThreads) step_forward(StepForwardParams<T> p) {
  const int H = static_cast<int>(p.c.dims[1]);
  const auto [b, j] = Place<W>(H);
  if (b >= active_at(p.active_now, p.t, p.active)) return;
  const int64_t row = p.first_row + b;

  const T* x_pre = p.x_pre.row(p.x_index ? p.x_index(row) : row) + j;
  const T* h_pre = p.h_pre.row(b) + j;
  Vec<T, W> gates[Cell::kGates];
#pragma unroll
  for (int q = 0; q < Cell::kGates; ++q) {
    const Vec<T, W> x = load<W>(x_pre + q * H), h = load<W>(h_pre + q * H), bias = load<W>(&p.b(q * H + j));
#pragma unroll
    for (int i = 0; i < W; ++i) gates[q].at[i] = x.at[i] + h.at[i] + bias.at[i];
  }

  const Vec<T, W> c_prev = load<W>(p.c.row(b) + j);
  Vec<T, W> h, c;
#pragma unroll
  for (int i = 0; i < W; ++i) {
    T unit[Cell::kGates];
#pragma unroll
    for (int q = 0; q < Cell::kGates; ++q) unit[q] = gates[q].at[i];
    Cell::forward(unit, c_prev.at[i], h.at[i], c.at[i]);
#pragma unroll
    for (int q = 0; q < Cell::kGates; ++q) gates[q].at[i] = unit[q];
  }
#pragma unroll
  for (int q = 0; q < Cell::kGates; ++q) store<W>(p.gates.row(row) + q * H + j, gates[q]);

  if constexpr (kRegularised) {
    if (p.masks.zoneout) {
      keep(draw<W>(p.masks.hidden, j, b, p.t), load<W>(p.h.row(b) + j), h);
      keep(draw<W>(p.masks.cell, j, b, p.t), c_prev, c);
    }
    if (p.masks.dropout) {
      Vec<T, W> masked = draw<W>(p.masks.recurrent, j, b);
#pragma unroll
      for (int i = 0; i < W; ++i) masked.at[i] *= h.at[i];
      store<W>(p.h_masked.row(b) + j, masked);
    }
  }
  store<W>(p.c.row(b) + j, c);
  store<W>(p.c_saved.row(row) + j, c);
  store<W>(p.h.row(b) + j, h);
  store<W>(p.y.row(row) + p.column + j, h);
}

// c before the step: saved by the step that forward ran before this one, else the initial state.
template <int W, class T>
__device__ Vec<T, W> c_before(const StepBackwardParams<T>& p, int b, int j) {
  if (b < active_at(p.active_now, p.t_before, p.active_before))
    return load<W>(p.c_saved.row(p.row_before + b) + j);
  if (p.c0) return load<W>(p.c0.row(b) + j);
  return {};
}

template <class Cell, class T, int W, bool kRegularised>
__global__ void __launch_bounds__(kThreads) step_backward(StepBackwardParams<T> p) {
  const int H = static_cast<int>(p.dc.dims[1]);
  const auto [b, j] = Place<W>(H);
  if (b >= p.active) return;
  const int64_t row = p.first_row + b;
  if (b >= active_at(p.active_now, p.t, p.active)) {
#pragma unroll
    for (int q = 0; q < Cell::kGates; ++q) store<W>(p.gates.row(row) + q * H + j, Vec<T, W>{});
    return;
  }

  Vec<T, W> gates[Cell::kGates];
#pragma unroll
  for (int q = 0; q < Cell::kGates; ++q) gates[q] = load<W>(p.gates.row(row) + q * H + j);
  const Vec<T, W> c_prev = c_before<W>(p, b, j), dy = load<W>(p.dy.row(row) + p.column + j);
  Vec<T, W> dh = load<W>(p.dh.row(b) + j), dc = load<W>(p.dc.row(b) + j), dc_kept = {};
  if constexpr (kRegularised) {
    if (p.masks.dropout) {
      const Vec<T, W> mask = draw<W>(p.masks.recurrent, j, b), later = load<W>(p.dh_later.row(b) + j);
#pragma unroll
      for (int i = 0; i < W; ++i) dh.at[i] += mask.at[i] * later.at[i];
    }
  }
#pragma unroll
  for (int i = 0; i < W; ++i) dh.at[i] += dy.at[i];

  if constexpr (kRegularised) {
    // What zoneout keeps goes to the state before, the rest through the cell.
    Vec<T, W> dh_kept = {};
    if (p.masks.zoneout) {
      const Vec<T, W> share_h = draw<W>(p.masks.hidden, j, b, p.t),
                      share_c = draw<W>(p.masks.cell, j, b, p.t);
#pragma unroll
      for (int i = 0; i < W; ++i) {
        dh_kept.at[i] = share_h.at[i] * dh.at[i];
        dh.at[i] *= T(1) - share_h.at[i];
        dc_kept.at[i] = share_c.at[i] * dc.at[i];
        dc.at[i] *= T(1) - share_c.at[i];
      }
    }
    store<W>(p.dh.row(b) + j, dh_kept);
  }

#pragma unroll
  for (int i = 0; i < W; ++i) {
    T unit[Cell::kGates];
#pragma unroll
    for (int q = 0; q < Cell::kGates; ++q) unit[q] = gates[q].at[i];
    Cell::backward(unit, c_prev.at[i], Cell::new_state(unit, c_prev.at[i]), dh.at[i], dc.at[i]);
    dc.at[i] += dc_kept.at[i];
#pragma unroll
    for (int q = 0; q < Cell::kGates; ++q) gates[q].at[i] = unit[q];
  }
#pragma unroll
  for (int q = 0; q < Cell::kGates; ++q) store<W>(p.gates.row(row) + q * H + j, gates[q]);
  store<W>(p.dc.row(b) + j, dc);
}

dim3 grid_of(int active, int64_t hidden, int width) {
  return dim3(static_cast<unsigned>((active * (hidden / width) + kThreads - 1) / kThreads));
}

template <class Cell, class T, int W>
auto forward_kernel(bool regularised) {
  return regularised ? step_forward<Cell, T, W, true> : step_forward<Cell, T, W, false>;
}
template <class Cell, class T, int W>
auto backward_kernel(bool regularised) {
  return regularised ? step_backward<Cell, T, W, true> : step_backward<Cell, T, W, false>;
}

}  // namespace

template <class T>
void launch(const StepForwardParams<T>& p, cudaStream_t stream) {
  if (p.active == 0) return;
  const int64_t H = p.c.dims[1];
  const bool wide = rows_in_vecs<T>(H, p.x_pre.data, p.h_pre.data, p.b.data, p.gates.data, p.c_saved.data,
                                    p.h.data, p.c.data, p.h_masked.data, p.y.data);
  const bool regularised = p.masks.dropout || p.masks.zoneout;
  constexpr int kWide = kVecWidth<T>;
  launch_kernel("step_forward",
                wide ? forward_kernel<Lstm, T, kWide>(regularised) : forward_kernel<Lstm, T, 1>(regularised),
                grid_of(p.active, H, wide ? kWide : 1), dim3(kThreads), 0, stream, p);
}

template <class T>
void launch(const StepBackwardParams<T>& p, cudaStream_t stream) {
  if (p.active == 0) return;
  const int64_t H = p.dc.dims[1];
  const bool wide = rows_in_vecs<T>(H, p.gates.data, p.c_saved.data, p.c0.data, p.dy.data, p.dh.data,
                                    p.dh_later.data, p.dc.data);
  const bool regularised = p.masks.dropout || p.masks.zoneout;
  constexpr int kWide = kVecWidth<T>;
  launch_kernel(
      "step_backward",
      wide ? backward_kernel<Lstm, T, kWide>(regularised) : backward_kernel<Lstm, T, 1>(regularised),
      grid_of(p.active, H, wide ? kWide : 1), dim3(kThreads), 0, stream, p);
}

template void launch(const StepForwardParams<float>&, cudaStream_t);
template void launch(const StepForwardParams<double>&, cudaStream_t);
template void launch(const StepBackwardParams<float>&, cudaStream_t);
template void launch(const StepBackwardParams<double>&, cudaStream_t);

}  // namespace sluice::cuda
