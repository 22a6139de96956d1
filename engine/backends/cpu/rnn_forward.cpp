#include <algorithm>
#include <vector>

#include "engine/backends/cpu/chunks.h"
#include "engine/backends/cpu/gemm.h"
#include "engine/backends/cpu/rnn.h"
#include "engine/backends/cpu/rnn_norm.h"

namespace sluice::cpu {
namespace {

template <class T>
class Forward {
 public:
  Forward(Pool& pool, const RnnForward& p)
      : pool_(pool),
        p_(p),
        size_(rnn_size(p)),
        host_(*p.batch->host),
        saved_carver_(p.saved.data),
        scratch_carver_(p.scratch.data),
        saved_(saved_carver_, size_),
        scratch_(scratch_carver_, size_) {}

  void run() {
    input_product();
    if (size_.layer_norm) normalise_inputs();
    transpose_R();
    pool_.parallel_for(size_.D * size_.P, [&](int64_t task) { run_slice(Slice(size_, host_, task)); });
    if (host_.layout != Layout::packed) zero_padding();
  }

 private:
  // x W^T where the cell will save its slots, or beside them over the distinct inputs. The bias is added in
  // the cell.
  void input_product() {
    const bool apart = size_.layer_norm || p_.x_index;
    const int64_t rows = size_.inputs(p_), E = size_.E, G = size_.G, width = apart ? G : size_.S;
    T* out = size_.layer_norm ? saved_.x_hat : p_.x_index ? scratch_.x_product : saved_.slots;
    std::vector<Gemm<T>> products;
    for (int64_t d = 0; d < size_.D; ++d)
      products.push_back({.transpose_b = true,
                          .m = rows,
                          .n = G,
                          .k = E,
                          .a = p_.x.as<T>(),
                          .lda = E,
                          .b = p_.W.as<T>() + d * G * E,
                          .ldb = E,
                          .c = out + d * rows * width,
                          .ldc = width});
    gemms<T>(pool_, products);
  }

  void normalise_inputs() {
    const int64_t rows = size_.D * size_.inputs(p_), G = size_.G;
    for_chunks(pool_, rows, rows_per_task(G), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t r = begin; r < end; ++r)
        saved_.x_inverse[r] = normalise(G, saved_.x_hat + r * G, saved_.x_hat + r * G);
    });
  }

  // W x of a row of the batch, normalised with layer normalisation.
  const T* x_pre(int64_t d, int64_t row) const {
    const int32_t* x_index = p_.x_index.as<int32_t>();
    const int64_t input = d * size_.inputs(p_) + (x_index ? x_index[row] : row);
    if (size_.layer_norm) return saved_.x_hat + input * size_.G;
    return x_index ? scratch_.x_product + input * size_.G : saved_.slots + input * size_.S;
  }

  // R^T once a call: each step's product then reads it row by row.
  void transpose_R() {
    const int64_t H = size_.H, columns = size_.G;
    constexpr int64_t kBlock = 32;
    const int64_t blocks = (H + kBlock - 1) / kBlock;
    pool_.parallel_for(size_.D * blocks, [&](int64_t task) {
      const int64_t d = task / blocks, j0 = task % blocks * kBlock, j1 = std::min(H, j0 + kBlock);
      const T* R = p_.R.as<T>() + d * columns * H;
      T* out = scratch_.R_transposed + d * columns * H;
      for (int64_t i = 0; i < columns; ++i)
        for (int64_t j = j0; j < j1; ++j) out[j * columns + i] = R[i * H + j];
    });
  }

  void run_slice(const Slice& s) {
    begin(s);
    for (int64_t step = 0; step < size_.T; ++step) {
      const int64_t t = s.reverse ? size_.T - 1 - step : step;
      if (const int64_t active = s.active(t)) run_step(s, t, active);
    }
    end(s);
  }

  int64_t state(const Slice& s, int64_t i) const { return (s.d * size_.B + s.first + i) * size_.H; }
  int64_t outer_state(const Slice& s, int64_t i) const { return (s.d * size_.B + s.sequence(i)) * size_.H; }
  uint32_t* words(const Slice& s) const { return scratch_.words + s.index * (size_.H + 4); }

  void begin(const Slice& s) {
    const int64_t H = size_.H;
    const RnnMasks<T> masks(p_, s.d);
    for (int64_t i = 0; i < s.count; ++i) {
      load_state(p_.h0, outer_state(s, i), scratch_.h + state(s, i));
      if (size_.two_states) load_state(p_.c0, outer_state(s, i), scratch_.c + state(s, i));
      if (!size_.dropout) continue;
      masks.recurrent(s.sequence(i), words(s), scratch_.mask + state(s, i));
      for (int64_t j = state(s, i); j < state(s, i) + H; ++j)
        scratch_.h_masked[j] = scratch_.mask[j] * scratch_.h[j];
    }
  }

  void load_state(const Tensor& from, int64_t place, T* to) {
    if (from)
      std::copy_n(from.as<T>() + place, size_.H, to);
    else
      std::fill_n(to, size_.H, T(0));
  }

  void run_step(const Slice& s, int64_t t, int64_t active) {
    const int64_t H = size_.H, G = size_.G, S = size_.S;
    T* h_pre = scratch_.h_pre + (s.d * size_.B + s.first) * G;
    gemm(Gemm<T>{.m = active,
                 .n = G,
                 .k = H,
                 .a = (size_.dropout ? scratch_.h_masked : scratch_.h) + state(s, 0),
                 .lda = H,
                 .b = scratch_.R_transposed + s.d * H * G,
                 .ldb = G,
                 .c = h_pre,
                 .ldc = G});
    for (int64_t i = 0; i < active; ++i) {
      const int64_t row = s.row(t, i), place = s.d * size_.N + row;
      const CellForwardRow<T> cell{.n = H,
                                   .x_pre = x_pre(s.d, row),
                                   .h_pre = h_pre + i * G,
                                   .bias = p_.b.as<T>() + s.d * S,
                                   .slots = saved_.slots + place * S,
                                   .c = scratch_.c + state(s, i),
                                   .h = scratch_.h + state(s, i),
                                   .c_saved = saved_.c + place * H,
                                   .y = p_.y.as<T>() + row * size_.D * H + s.d * H};
      if (size_.zoneout)
        zoned_cell(s, t, i, place, cell);
      else
        run_cell(s, place, cell);
      if (!size_.dropout) continue;
      for (int64_t j = state(s, i); j < state(s, i) + H; ++j)
        scratch_.h_masked[j] = scratch_.mask[j] * scratch_.h[j];
    }
  }

  void run_cell(const Slice& s, int64_t place, const CellForwardRow<T>& cell) const {
    const auto run = isa_table().of<T>().cell_forward[static_cast<int>(p_.shape.cell)];
    if (!size_.layer_norm) return run(cell);
    const int64_t H = size_.H, G = size_.G;
    T *x = scratch_.scaled + s.index * 2 * G, *h = x + G, *h_hat = saved_.h_hat + place * G;
    scale(G, gain<T>(p_.norms.input, s.d), cell.x_pre, x);
    saved_.h_inverse[place] = normalise(G, cell.h_pre, h_hat);
    scale(G, gain<T>(p_.norms.recurrent, s.d), h_hat, h);
    CellForwardRow<T> normed = cell;
    normed.x_pre = x;
    normed.h_pre = h;
    run(normed);
    if (!size_.two_states) return;
    const Moments<T> m = moments_of(H, cell.c);
    saved_.c_mean[place] = m.mean;
    saved_.c_inverse[place] = m.inverse;
    const T *c_gain = gain<T>(p_.norms.cell, s.d), *c_bias = gain<T>(p_.norms.cell_bias, s.d);
    for (int64_t j = 0; j < H; ++j) x[j] = c_gain[j] * ((cell.c[j] - m.mean) * m.inverse) + c_bias[j];
    output(p_.shape.cell, H, cell.slots, x, cell.h);
    std::copy_n(cell.h, H, cell.y);
  }

  void zoned_cell(const Slice& s, int64_t t, int64_t i, int64_t place, const CellForwardRow<T>& cell) {
    const int64_t H = size_.H;
    T *old_h = scratch_.old + s.index * 2 * H, *old_c = old_h + H;
    T *zone_h = scratch_.zone + s.index * 2 * H, *zone_c = zone_h + H;
    std::copy_n(cell.h, H, old_h);
    if (size_.two_states) std::copy_n(cell.c, H, old_c);
    run_cell(s, place, cell);
    const RnnMasks<T> masks(p_, s.d);
    masks.zoneout_hidden(s.sequence(i), t, words(s), zone_h);
    for (int64_t j = 0; j < H; ++j)
      cell.h[j] = cell.y[j] = zone_h[j] * old_h[j] + (T(1) - zone_h[j]) * cell.h[j];
    if (!size_.two_states) return;
    masks.zoneout_cell(s.sequence(i), t, words(s), zone_c);
    for (int64_t j = 0; j < H; ++j)
      cell.c[j] = cell.c_saved[j] = zone_c[j] * old_c[j] + (T(1) - zone_c[j]) * cell.c[j];
  }

  void end(const Slice& s) {
    for (int64_t i = 0; i < s.count; ++i) {
      if (p_.hT) std::copy_n(scratch_.h + state(s, i), size_.H, p_.hT.as<T>() + outer_state(s, i));
      if (p_.cT) std::copy_n(scratch_.c + state(s, i), size_.H, p_.cT.as<T>() + outer_state(s, i));
    }
  }

  void zero_padding() {
    const int64_t width = size_.D * size_.H;
    pool_.parallel_for(size_.T, [&](int64_t t) {
      const auto [first, end] = host_.padding(static_cast<int>(t));
      std::fill(p_.y.as<T>() + first * width, p_.y.as<T>() + end * width, T(0));
    });
  }

  Pool& pool_;
  const RnnForward& p_;
  RnnSize size_;
  const HostBatch& host_;
  Carver saved_carver_, scratch_carver_;
  RnnSaved<T> saved_;
  ForwardScratch<T> scratch_;
};

}  // namespace

void rnn_forward(Pool& pool, const RnnForward& p) {
  dispatch_real(p.shape.dtype, [&]<class T>() { Forward<T>(pool, p).run(); });
}

}  // namespace sluice::cpu
