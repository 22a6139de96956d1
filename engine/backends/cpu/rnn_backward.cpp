#include <algorithm>
#include <vector>

#include "engine/backends/cpu/chunks.h"
#include "engine/backends/cpu/gemm.h"
#include "engine/backends/cpu/rnn.h"
#include "engine/backends/cpu/rnn_norm.h"

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
    add_parts(p_.db, scratch_.dbias, size_.S, size_.S);
    gather_h_prev();
    if (forward_.x_index) sum_distinct();
    if (size_.layer_norm) norms_of_inputs();
    parameter_products();
    input_gradient();
  }

 private:
  // ---- the chain through time: slots become their gradients, in place

  void run_slice(const Slice& s) {
    begin(s);
    for (int64_t step = size_.T - 1; step >= 0; --step) {
      const int64_t t = s.reverse ? size_.T - 1 - step : step;
      if (const int64_t active = s.active(t)) run_step(s, t, active, step > 0 || p_.dh0);
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
    if (size_.layer_norm) std::fill_n(dgains(s), size_.G + 2 * size_.H, T(0));
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

  void run_step(const Slice& s, int64_t t, int64_t active, bool dh_wanted) {
    const int64_t H = size_.H, S = size_.S, place = s.d * size_.N + s.row(t, 0);
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
        run_cell(s, t, i, cell);
    }
    if (!dh_wanted) return;
    gemm(Gemm<T>{.m = active,
                 .n = H,
                 .k = size_.G,
                 .a = recurrent_side() + place * recurrent_width(),
                 .lda = s.stride * recurrent_width(),
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

  void run_cell(const Slice& s, int64_t t, int64_t i, const CellBackwardRow<T>& cell) const {
    const auto run = isa_table().of<T>().cell_backward[static_cast<int>(forward_.shape.cell)];
    if (!size_.layer_norm) return run(cell);
    const int64_t H = size_.H, G = size_.G, place = s.d * size_.N + s.row(t, i);
    const RnnNorms& norms = forward_.norms;
    T *dgain_h = dgains(s), *dgain_c = dgain_h + G, *dbias_c = dgain_c + H;
    if (size_.two_states) {
      T *c_hat = scratch_.seen + s.index * 3 * H, *d_seen = c_hat + H, *d_output = d_seen + H;
      const Moments<T> m{saved_.c_mean[place], saved_.c_inverse[place]};
      output_backward<T>(forward_.shape.cell, {.n = H,
                                               .slots = cell.slots,
                                               .c_prev = cell.c_prev,
                                               .moments = m,
                                               .gain = gain<T>(norms.cell, s.d),
                                               .bias = gain<T>(norms.cell_bias, s.d),
                                               .dy = cell.dy,
                                               .dh = cell.dh,
                                               .c_hat = c_hat,
                                               .d_seen = d_seen,
                                               .d_output = d_output});
      add_gain_gradient(H, d_seen, c_hat, dgain_c);
      normalise_backward(H, gain<T>(norms.cell, s.d), m.inverse, d_seen, c_hat);
      for (int64_t j = 0; j < H; ++j) dbias_c[j] += d_seen[j];
      for (int64_t j = 0; j < H; ++j) cell.dc[j] += c_hat[j];
      CellBackwardRow<T> rest = cell;
      rest.dy = rest.dh = scratch_.zeros;
      run(rest);
      set_output(forward_.shape.cell, H, d_output, cell.slots, cell.dbias);
    } else {
      run(cell);
    }
    const T* d = cell.slots + size_.S - G;
    T* h_hat = saved_.h_hat + place * G;
    add_gain_gradient(G, d, h_hat, dgain_h);
    normalise_backward(G, gain<T>(norms.recurrent, s.d), saved_.h_inverse[place], d, h_hat);
  }

  // Gradients of R h: G columns of each row of [D,N,recurrent_width()].
  const T* recurrent_side() const {
    return size_.layer_norm ? saved_.h_hat : saved_.slots + size_.S - size_.G;
  }
  int64_t recurrent_width() const { return size_.layer_norm ? size_.G : size_.S; }
  T* dgains(const Slice& s) const { return scratch_.dgains + s.index * (size_.G + 2 * size_.H); }

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
    run_cell(s, t, i, cell);
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
      if (size_.layer_norm)
        std::fill(saved_.h_hat + (before + first) * size_.G, saved_.h_hat + (before + end) * size_.G, T(0));
    });
  }

  // to [D,n] += the sum over slices of parts [D,P,width], of which n columns count.
  void add_parts(const Tensor& to, const T* parts, int64_t n, int64_t width) const {
    for (int64_t task = 0; task < size_.D * size_.P; ++task) {
      T* sum = to.as<T>() + task / size_.P * n;
      for (int64_t j = 0; j < n; ++j) sum[j] += parts[task * width + j];
    }
  }

  // Gains of W x, and x_hat becomes the gradient of W x; what the slices have summed of the other gains.
  void norms_of_inputs() {
    const int64_t G = size_.G, H = size_.H, M = size_.inputs(forward_), width = size_.G + 2 * H;
    const T* d_slots = slot_gradients(0);
    const int64_t d_width = forward_.x_index ? G : size_.S;
    constexpr int64_t kBlock = 64;
    const int64_t blocks = (G + kBlock - 1) / kBlock;
    pool_.parallel_for(size_.D * blocks, [&](int64_t task) {
      const int64_t d = task / blocks, q0 = task % blocks * kBlock, n = std::min(kBlock, G - q0);
      T* dgain = p_.dnorms.input.as<T>() + d * G + q0;
      for (int64_t r = d * M; r < (d + 1) * M; ++r)
        add_gain_gradient(n, d_slots + r * d_width + q0, saved_.x_hat + r * G + q0, dgain);
    });
    for_chunks(pool_, size_.D * M, rows_per_task(G), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t r = begin; r < end; ++r)
        normalise_backward(G, gain<T>(forward_.norms.input, r / M), saved_.x_inverse[r],
                           d_slots + r * d_width, saved_.x_hat + r * G);
    });
    add_parts(p_.dnorms.recurrent, scratch_.dgains, G, width);
    if (!size_.two_states) return;
    add_parts(p_.dnorms.cell, scratch_.dgains + G, H, width);
    add_parts(p_.dnorms.cell_bias, scratch_.dgains + G + H, H, width);
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

  // Gradients of the first G slots, one row for each input row of one direction.
  const T* slot_gradients(int64_t d) const {
    return forward_.x_index ? scratch_.distinct_sum + d * size_.U * size_.G
                            : saved_.slots + d * size_.N * size_.S;
  }
  // Gradients of W x: G columns of each row, one row for each input row of one direction.
  const T* input_side(int64_t d) const {
    return size_.layer_norm ? saved_.x_hat + d * size_.inputs(forward_) * size_.G : slot_gradients(d);
  }
  int64_t input_side_width() const { return size_.layer_norm || forward_.x_index ? size_.G : size_.S; }

  void parameter_products() {
    const int64_t H = size_.H, E = size_.E, G = size_.G;
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
                          .a = recurrent_side() + d * size_.N * recurrent_width(),
                          .lda = recurrent_width(),
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
