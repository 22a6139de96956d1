// The recurrence's loops; compiled once for each instruction set. Note [Instruction sets] in isa.h.
#include "engine/backends/cpu/isa.h"
#include "engine/backends/cpu/isa_vector.h"
#include "kernels/cells/lstm.h"

namespace sluice::cpu::SLUICE_ISA {
namespace {

template <class T>
void lstm_forward(const LstmForwardRow<T>& p) {
  const int64_t n = p.n;
  const T *x_pre = p.x_pre, *h_pre = p.h_pre, *bias = p.bias;
  T *all_gates = p.gates, *c_state = p.c, *h_state = p.h, *c_saved = p.c_saved, *y = p.y;
  SLUICE_INDEPENDENT
  for (int64_t j = 0; j < n; ++j) {
    T gates[4] = {x_pre[j] + h_pre[j] + bias[j], x_pre[n + j] + h_pre[n + j] + bias[n + j],
                  x_pre[2 * n + j] + h_pre[2 * n + j] + bias[2 * n + j],
                  x_pre[3 * n + j] + h_pre[3 * n + j] + bias[3 * n + j]};
    T h, c;
    Lstm::forward(gates, c_state[j], h, c);
    all_gates[j] = gates[0];
    all_gates[n + j] = gates[1];
    all_gates[2 * n + j] = gates[2];
    all_gates[3 * n + j] = gates[3];
    c_state[j] = c;
    c_saved[j] = c;
    h_state[j] = h;
    y[j] = h;
  }
}

template <class T>
void lstm_backward(const LstmBackwardRow<T>& p) {
  const int64_t n = p.n;
  const T *c_prev = p.c_prev, *dy = p.dy, *dh = p.dh;
  T *all_gates = p.gates, *dc_state = p.dc, *dbias = p.dbias;
  SLUICE_INDEPENDENT
  for (int64_t j = 0; j < n; ++j) {
    T gates[4] = {all_gates[j], all_gates[n + j], all_gates[2 * n + j], all_gates[3 * n + j]};
    const T c = gates[1] * c_prev[j] + gates[0] * gates[2];
    T dc = dc_state[j];
    Lstm::backward(gates, c_prev[j], c, dy[j] + dh[j], dc);
    all_gates[j] = gates[0];
    all_gates[n + j] = gates[1];
    all_gates[2 * n + j] = gates[2];
    all_gates[3 * n + j] = gates[3];
    dbias[j] += gates[0];
    dbias[n + j] += gates[1];
    dbias[2 * n + j] += gates[2];
    dbias[3 * n + j] += gates[3];
    dc_state[j] = dc;
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
  kernels.lstm_forward = lstm_forward<T>;
  kernels.lstm_backward = lstm_backward<T>;
  kernels.gemm = gemm<T>;
}

}  // namespace

void add_rnn(Kernels<float>&, Kernels<double>&);
void add_rnn(Kernels<float>& f32, Kernels<double>& f64) {
  add(f32);
  add(f64);
}

}  // namespace sluice::cpu::SLUICE_ISA
