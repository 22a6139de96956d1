#include <algorithm>
#include <vector>

#include "engine/backends/cpu/gemm.h"
#include "engine/backends/cpu/rnn.h"

namespace sluice::cpu {
namespace {

template <class T>
class Backward {
 public:
  Backward(Pool& pool, const RnnBackward& p)
      : pool_(pool),
        p_(p),
        forward_(p.forward),
        size_(rnn_size(p.forward)),
        host_(*p.forward.batch->host),
        saved_carver_(p.forward.saved.data),
        scratch_carver_(p.forward.scratch.data),
        saved_(saved_carver_, size_),
        scratch_(scratch_carver_, size_) {}

  void run() {
    std::fill_n(scratch_.zeros, size_.H, T(0));
    pool_.parallel_for(size_.D * size_.P, [&](int64_t task) { run_slice(Slice(size_, host_, task)); });
    if (host_.layout != Layout::packed) zero_padding();
    add_dbias();
    gather_h_prev();
    if (forward_.x_index) sum_distinct();
    parameter_products();
    input_gradient();
  }

 private:
  // ---- the chain through time: slots become their gradients, in place

  void run_slice(const Slice& s) {
    begin(s);
    for (int64_t step = size_.T - 1; step >= 0; --step) {
      const int64_t t = s.reverse ? size_.T - 1 - step : step;
      if (const int64_t active = s.active(t)) run_step(s, t, active);
    }
    for (int64_t i = 0; i < s.count; ++i) {
      if (p_.dh0) std::copy_n(scratch_.dh + state(s, i), size_.H, p_.dh0.as<T>() + outer_state(s, i));
      if (size_.two_states && p_.dc0)
        std::copy_n(scratch_.dc + state(s, i), size_.H, p_.dc0.as<T>() + outer_state(s, i));
    }
  }

  int64_t state(const Slice& s, int64_t i) const { return (s.d * size_.B + s.first + i) * size_.H; }
  int64_t outer_state(const Slice& s, int64_t i) const { return (s.d * size_.B + s.sequence(i)) * size_.H; }
  uint32_t* words(const Slice& s) const { return scratch_.words + s.index * (size_.H + 4); }

  void begin(const Slice& s) {
    std::fill_n(scratch_.dbias + s.index * size_.S, size_.S, T(0));
    const RnnMasks<T> masks(forward_, s.d);
    for (int64_t i = 0; i < s.count; ++i) {
      load_state(p_.dhT, outer_state(s, i), scratch_.dh + state(s, i));
      if (size_.two_states) load_state(p_.dcT, outer_state(s, i), scratch_.dc + state(s, i));
      if (size_.dropout) masks.recurrent(s.sequence(i), words(s), scratch_.mask + state(s, i));
    }
  }

  void load_state(const Tensor& from, int64_t place, T* to) {
    if (from)
      std::copy_n(from.as<T>() + place, size_.H, to);
    else
      std::fill_n(to, size_.H, T(0));
  }

  // The state before step t of the slice's row i.
  const T* c_before(const Slice& s, int64_t t, int64_t i) const {
    const int64_t before = s.before(t);
    if (i < s.active(before)) return saved_.c + (s.d * size_.N + s.row(before, i)) * size_.H;
    return forward_.c0 ? forward_.c0.as<T>() + outer_state(s, i) : scratch_.zeros;
  }
  const T* h_before(const Slice& s, int64_t t, int64_t i) const {
    const int64_t before = s.before(t), H = size_.H;
    if (i < s.active(before)) return forward_.y.as<T>() + s.row(before, i) * size_.D * H + s.d * H;
    return forward_.h0 ? forward_.h0.as<T>() + outer_state(s, i) : scratch_.zeros;
  }

  void run_step(const Slice& s, int64_t t, int64_t active) {
    const int64_t H = size_.H, S = size_.S;
    for (int64_t i = 0; i < active; ++i) {
      const int64_t row = s.row(t, i);
      const CellBackwardRow<T> cell{.n = H,
                                    .slots = saved_.slots + (s.d * size_.N + row) * S,
                                    .h_prev = size_.carries_h ? h_before(s, t, i) : nullptr,
                                    .c_prev = size_.two_states ? c_before(s, t, i) : nullptr,
                                    .dy = p_.dy.as<T>() + row * size_.D * H + s.d * H,
                                    .dh = scratch_.dh + state(s, i),
                                    .dh_past = scratch_.keep + state(s, i),
                                    .dc = scratch_.dc + state(s, i),
                                    .dbias = scratch_.dbias + s.index * S};
      if (size_.zoneout)
        zoned_cell(s, t, i, cell);
      else
        run_cell(cell);
    }
    gemm(Gemm<T>{.m = active,
                 .n = H,
                 .k = size_.G,
                 .a = saved_.slots + (s.d * size_.N + s.row(t, 0)) * S + S - size_.G,
                 .lda = s.stride * S,
                 .b = forward_.R.as<T>() + s.d * size_.G * H,
                 .ldb = H,
                 .c = scratch_.dh + state(s, 0),
                 .ldc = H});
    for (int64_t i = 0; i < active && (size_.dropout || size_.passes_dh()); ++i) {
      T* dh = scratch_.dh + state(s, i);
      for (int64_t j = 0; j < H && size_.dropout; ++j) dh[j] *= scratch_.mask[state(s, i) + j];
      for (int64_t j = 0; j < H && size_.passes_dh(); ++j) dh[j] += scratch_.keep[state(s, i) + j];
    }
  }

  void run_cell(const CellBackwardRow<T>& row) const {
    isa_table().of<T>().cell_backward[static_cast<int>(forward_.shape.cell)](row);
  }

  // Splits the gradients of the zoned states into what goes to the state before and what goes to the cell.
  void zoned_cell(const Slice& s, int64_t t, int64_t i, CellBackwardRow<T> cell) {
    const int64_t H = size_.H;
    T *zone_h = scratch_.zone + s.index * 2 * H, *zone_c = zone_h + H;
    T* keep_c = scratch_.keep_c + s.index * H;
    T* dh_new = scratch_.dh_new + s.index * H;
    const RnnMasks<T> masks(forward_, s.d);
    masks.zoneout_hidden(s.sequence(i), t, words(s), zone_h);
    const T *dh = cell.dh, *dy = cell.dy;
    for (int64_t j = 0; j < H; ++j) dh_new[j] = (T(1) - zone_h[j]) * (dy[j] + dh[j]);
    cell.dh = dh_new;
    cell.dy = scratch_.zeros;
    if (size_.two_states) {
      masks.zoneout_cell(s.sequence(i), t, words(s), zone_c);
      for (int64_t j = 0; j < H; ++j) {
        keep_c[j] = zone_c[j] * cell.dc[j];
        cell.dc[j] *= T(1) - zone_c[j];
      }
    }
    if (!size_.carries_h) std::fill_n(cell.dh_past, H, T(0));
    run_cell(cell);
    for (int64_t j = 0; j < H; ++j) cell.dh_past[j] += zone_h[j] * (dy[j] + dh[j]);
    for (int64_t j = 0; j < H && size_.two_states; ++j) cell.dc[j] += keep_c[j];
  }

  // ---- sums over all rows

  // Padding takes part in the products below, on both sides: as zero.
  void zero_padding() {
    const int64_t S = size_.S;
    pool_.parallel_for(size_.D * size_.T, [&](int64_t task) {
      const auto [first, end] = host_.padding(static_cast<int>(task % size_.T));
      const int64_t before = task / size_.T * size_.N;
      std::fill(saved_.slots + (before + first) * S, saved_.slots + (before + end) * S, T(0));
      std::fill(scratch_.h_prev + (before + first) * size_.H, scratch_.h_prev + (before + end) * size_.H,
                T(0));
    });
  }

  void add_dbias() {
    const int64_t S = size_.S;
    for (int64_t task = 0; task < size_.D * size_.P; ++task) {
      T* db = p_.db.as<T>() + task / size_.P * S;
      const T* part = scratch_.dbias + task * S;
      for (int64_t j = 0; j < S; ++j) db[j] += part[j];
    }
  }

  void gather_h_prev() {
    pool_.parallel_for(size_.D * size_.P, [&](int64_t task) {
      const Slice s(size_, host_, task);
      for (int64_t t = 0; t < size_.T; ++t)
        for (int64_t i = 0; i < s.active(t); ++i) gather_row(s, t, i);
    });
  }

  void gather_row(const Slice& s, int64_t t, int64_t i) {
    const int64_t H = size_.H;
    T* to = scratch_.h_prev + (s.d * size_.N + s.row(t, i)) * H;
    const T* from = h_before(s, t, i);
    if (size_.dropout)
      for (int64_t j = 0; j < H; ++j) to[j] = scratch_.mask[state(s, i) + j] * from[j];
    else
      std::copy_n(from, H, to);
  }

  void sum_distinct() {
    const int64_t G = size_.G;
    constexpr int64_t kBlock = 16;
    const int64_t blocks = (size_.U + kBlock - 1) / kBlock;
    pool_.parallel_for(size_.D * blocks, [&](int64_t task) {
      const int64_t d = task / blocks, u0 = task % blocks * kBlock, u1 = std::min(size_.U, u0 + kBlock);
      for (int64_t u = u0; u < u1; ++u) {
        T* sum = scratch_.distinct_sum + (d * size_.U + u) * G;
        std::fill_n(sum, G, T(0));
        const auto first = host_.segments[static_cast<size_t>(u)],
                   last = host_.segments[static_cast<size_t>(u) + 1];
        for (auto k = first; k < last; ++k) {
          const int64_t row = host_.segment_rows[static_cast<size_t>(k)];
          isa_table().of<T>().add(G, saved_.slots + (d * size_.N + row) * size_.S, sum);
        }
      }
    });
  }

  // Gradients of W x: G columns of each row, one row for each input row of one direction.
  const T* input_side(int64_t d) const {
    return forward_.x_index ? scratch_.distinct_sum + d * size_.U * size_.G
                            : saved_.slots + d * size_.N * size_.S;
  }
  int64_t input_side_width() const { return forward_.x_index ? size_.G : size_.S; }

  void parameter_products() {
    const int64_t H = size_.H, E = size_.E, G = size_.G, S = size_.S;
    std::vector<Gemm<T>> products;
    for (int64_t d = 0; d < size_.D; ++d) {
      products.push_back({.transpose_a = true,
                          .m = G,
                          .n = E,
                          .k = forward_.x_index ? size_.U : size_.N,
                          .a = input_side(d),
                          .lda = input_side_width(),
                          .b = forward_.x.as<T>(),
                          .ldb = E,
                          .c = p_.dW.as<T>() + d * G * E,
                          .ldc = E,
                          .accumulate = true});
      products.push_back({.transpose_a = true,
                          .m = G,
                          .n = H,
                          .k = size_.N,
                          .a = saved_.slots + d * size_.N * S + S - G,
                          .lda = S,
                          .b = scratch_.h_prev + d * size_.N * H,
                          .ldb = H,
                          .c = p_.dR.as<T>() + d * G * H,
                          .ldc = H,
                          .accumulate = true});
    }
    gemms<T>(pool_, products);
  }

  void input_gradient() {
    if (!p_.dx) return;
    const int64_t E = size_.E, G = size_.G;
    for (int64_t d = 0; d < size_.D; ++d)  // both write dx: one after the other
      gemms(pool_, Gemm<T>{.m = forward_.x_index ? size_.U : size_.N,
                           .n = E,
                           .k = G,
                           .a = input_side(d),
                           .lda = input_side_width(),
                           .b = forward_.W.as<T>() + d * G * E,
                           .ldb = E,
                           .c = p_.dx.as<T>(),
                           .ldc = E,
                           .accumulate = d > 0});
  }

  Pool& pool_;
  const RnnBackward& p_;
  const RnnForward& forward_;
  RnnSize size_;
  const HostBatch& host_;
  Carver saved_carver_, scratch_carver_;
  RnnSaved<T> saved_;
  BackwardScratch<T> scratch_;
};

}  // namespace

void rnn_backward(Pool& pool, const RnnBackward& p) {
  dispatch_real(p.forward.shape.dtype, [&]<class T>() { Backward<T>(pool, p).run(); });
}

}  // namespace sluice::cpu
