// The recurrence's loops; compiled once for each instruction set. Note [Instruction sets] in isa.h.
#include "engine/backends/cpu/isa.h"
#include "engine/backends/cpu/isa_vector.h"

namespace sluice::cpu::SLUICE_ISA {
namespace {

template <class Cell, class T>
void cell_forward(const CellForwardRow<T>& p) {
  constexpr int G = Cell::kGates, S = Cell::kSaved;
  const int64_t n = p.n;
  const T *x_pre = p.x_pre, *h_pre = p.h_pre, *bias = p.bias;
  T *all_slots = p.slots, *c_state = p.c, *h_state = p.h, *c_saved = p.c_saved, *y = p.y;
  SLUICE_INDEPENDENT
  for (int64_t j = 0; j < n; ++j) {
    T x[G], h[G], b[S], slots[S], prev[Cell::kStates], next[Cell::kStates];
    for (int q = 0; q < G; ++q) x[q] = x_pre[q * n + j];
    for (int q = 0; q < G; ++q) h[q] = h_pre[q * n + j];
    for (int q = 0; q < S; ++q) b[q] = bias[q * n + j];
    prev[0] = h_state[j];
    if constexpr (Cell::kStates == 2) prev[1] = c_state[j];
    Cell::forward(x, h, b, prev, slots, next);
    for (int q = 0; q < S; ++q) all_slots[q * n + j] = slots[q];
    if constexpr (Cell::kStates == 2) {
      c_state[j] = next[1];
      c_saved[j] = next[1];
    }
    h_state[j] = next[0];
    y[j] = next[0];
  }
}

template <class Cell, class T>
void cell_backward(const CellBackwardRow<T>& p) {
  constexpr int S = Cell::kSaved;
  const int64_t n = p.n;
  const T *h_prev = p.h_prev, *c_prev = p.c_prev, *dy = p.dy, *dh = p.dh;
  T *all_slots = p.slots, *dh_past = p.dh_past, *dc = p.dc, *dbias = p.dbias;
  SLUICE_INDEPENDENT
  for (int64_t j = 0; j < n; ++j) {
    T slots[S], prev[Cell::kStates], d[Cell::kStates];
    for (int q = 0; q < S; ++q) slots[q] = all_slots[q * n + j];
    d[0] = dy[j] + dh[j];
    if constexpr (Cell::kCarriesH) prev[0] = h_prev[j];
    if constexpr (Cell::kStates == 2) {
      prev[1] = c_prev[j];
      d[1] = dc[j];
    }
    Cell::backward(slots, prev, d);
    for (int q = 0; q < S; ++q) all_slots[q * n + j] = slots[q];
    for (int q = 0; q < S; ++q) dbias[q * n + j] += slots[q];
    if constexpr (Cell::kCarriesH) dh_past[j] = d[0];
    if constexpr (Cell::kStates == 2) dc[j] = d[1];
  }
}

// ---- a plain blocked product, for the types oneDNN's sgemm does not take

constexpr int kRows = 4, kVectors = 2, kDepth = 256;  // a tile of 4 x 2 vectors stays in registers

// tile[r][v] += sum over k of a(r, k) * packed[k][v]
template <class T, int Rows>
void multiply_tile(int64_t depth, const T* a, int64_t row_stride, int64_t k_stride, const Vector<T>* packed,
                   Vector<T> (&tile)[kRows][kVectors]) {
  Vector<T> sum[Rows][kVectors] = {};
  for (int64_t k = 0; k < depth; ++k)
    for (int r = 0; r < Rows; ++r)
      for (int v = 0; v < kVectors; ++v)
        sum[r][v] += a[r * row_stride + k * k_stride] * packed[k * kVectors + v];
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < kVectors; ++v) tile[r][v] = sum[r][v];
}

// Rows [k0, k0 + depth) and columns [j0, j0 + width) of op(B), zero beyond `width`.
template <class T>
void pack(const Gemm<T>& g, int64_t k0, int64_t depth, int64_t j0, int64_t width, T* packed) {
  constexpr int64_t kWidth = kVectors * kLanes<T>;
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t j = 0; j < kWidth; ++j)
      packed[k * kWidth + j] = j >= width      ? T(0)
                               : g.transpose_b ? g.b[(j0 + j) * g.ldb + k0 + k]
                                               : g.b[(k0 + k) * g.ldb + j0 + j];
}

template <class T>
void gemm(const Gemm<T>& g) {
  constexpr int64_t kWidth = kVectors * kLanes<T>;
  Vector<T> packed[kDepth * kVectors];
  Vector<T> tile[kRows][kVectors];
  const int64_t row_stride = g.transpose_a ? 1 : g.lda, k_stride = g.transpose_a ? g.lda : 1;
  for (int64_t j0 = 0; j0 < g.n; j0 += kWidth) {
    const int64_t width = g.n - j0 < kWidth ? g.n - j0 : kWidth;
    for (int64_t k0 = 0; k0 < g.k || k0 == 0; k0 += kDepth) {
      const int64_t depth = g.k - k0 < kDepth ? g.k - k0 : kDepth;
      pack(g, k0, depth, j0, width, reinterpret_cast<T*>(packed));
      const bool add = g.accumulate || k0 > 0;
      for (int64_t i0 = 0; i0 < g.m; i0 += kRows) {
        const int64_t rows = g.m - i0 < kRows ? g.m - i0 : kRows;
        const T* a = g.a + i0 * row_stride + k0 * k_stride;
        if (rows == kRows)
          multiply_tile<T, kRows>(depth, a, row_stride, k_stride, packed, tile);
        else
          for (int64_t r = 0; r < rows; ++r) {
            Vector<T> one[kRows][kVectors];
            multiply_tile<T, 1>(depth, a + r * row_stride, row_stride, k_stride, packed, one);
            for (int v = 0; v < kVectors; ++v) tile[r][v] = one[0][v];
          }
        for (int64_t r = 0; r < rows; ++r) {
          T* c = g.c + (i0 + r) * g.ldc + j0;
          const T* sums = reinterpret_cast<const T*>(tile[r]);
          for (int64_t j = 0; j < width; ++j) c[j] = add ? c[j] + sums[j] : sums[j];
        }
      }
    }
  }
}

template <class T>
void add(Kernels<T>& kernels) {
  for (const CellKind kind : kCells)
    dispatch_cell(kind, [&]<class Cell>() {
      kernels.cell_forward[static_cast<int>(kind)] = cell_forward<Cell, T>;
      kernels.cell_backward[static_cast<int>(kind)] = cell_backward<Cell, T>;
    });
  kernels.gemm = gemm<T>;
}

}  // namespace

void add_rnn(Kernels<float>&, Kernels<double>&);
void add_rnn(Kernels<float>& f32, Kernels<double>& f64) {
  add(f32);
  add(f64);
}

}  // namespace sluice::cpu::SLUICE_ISA
