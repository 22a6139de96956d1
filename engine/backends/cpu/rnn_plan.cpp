#include <algorithm>

#include "engine/backends/cpu/rnn.h"

namespace sluice::cpu {

RnnSize rnn_size(const RnnShape& shape, const MaxShape& max) {
  const CellTraits cell = traits_of(shape.cell);
  const RnnSize size{.B = max.sequences,
                     .T = max.steps,
                     .N = max.rows,
                     .U = max.distinct,
                     .E = shape.input_size,
                     .H = shape.hidden_size,
                     .D = shape.directions,
                     .P = slices_of(max.sequences, shape.hidden_size),
                     .G = int64_t{cell.gates} * shape.hidden_size,
                     .S = int64_t{cell.saved} * shape.hidden_size,
                     .two_states = cell.states == 2,
                     .carries_h = cell.carries_h,
                     .dropout = shape.recurrent_dropout > 0,
                     .zoneout = shape.zoneout_hidden > 0 || shape.zoneout_cell > 0,
                     .layer_norm = shape.layer_norm};
  return size;
}

RnnSize rnn_size(const RnnForward& p) {
  const Batch& batch = *p.batch;
  const int distinct = p.x_index ? static_cast<int>(p.x.dims[0]) : 0;
  return rnn_size(p.shape, {batch.sequences, batch.steps, batch.rows, distinct});
}

template <class T>
RnnSaved<T>::RnnSaved(Carver& carver, const RnnSize& s)
    : slots(carver.take<T>(s.D * s.N * s.S)), c(carver.take<T>(s.two_states ? s.D * s.N * s.H : 0)) {
  const int64_t rows = s.layer_norm ? s.D * s.N : 0;  // distinct inputs are no more
  x_hat = carver.take<T>(rows * s.G);
  h_hat = carver.take<T>(rows * s.G);
  x_inverse = carver.take<T>(rows);
  h_inverse = carver.take<T>(rows);
  c_mean = carver.take<T>(s.two_states ? rows : 0);
  c_inverse = carver.take<T>(s.two_states ? rows : 0);
}

template <class T>
ForwardScratch<T>::ForwardScratch(Carver& carver, const RnnSize& s) {
  const int64_t states = s.D * s.B * s.H;
  R_transposed = carver.take<T>(s.D * s.H * s.G);
  x_product = carver.take<T>(s.D * s.U * s.G);
  h = carver.take<T>(states);
  c = carver.take<T>(s.two_states ? states : 0);
  h_masked = carver.take<T>(s.dropout ? states : 0);
  mask = carver.take<T>(s.dropout ? states : 0);
  h_pre = carver.take<T>(s.D * s.B * s.G);
  old = carver.take<T>(s.zoneout ? s.D * s.P * 2 * s.H : 0);
  zone = carver.take<T>(s.zoneout ? s.D * s.P * 2 * s.H : 0);
  words = carver.take<uint32_t>(s.dropout || s.zoneout ? s.D * s.P * (s.H + 4) : 0);
  scaled = carver.take<T>(s.layer_norm ? s.D * s.P * 2 * s.G : 0);
}

template <class T>
BackwardScratch<T>::BackwardScratch(Carver& carver, const RnnSize& s) {
  const int64_t states = s.D * s.B * s.H, rows = s.D * s.P * s.H;
  dh = carver.take<T>(states);
  dc = carver.take<T>(s.two_states ? states : 0);
  keep = carver.take<T>(s.passes_dh() ? states : 0);
  keep_c = carver.take<T>(s.zoneout ? rows : 0);
  dh_new = carver.take<T>(s.zoneout ? rows : 0);
  mask = carver.take<T>(s.dropout ? states : 0);
  zone = carver.take<T>(s.zoneout ? 2 * rows : 0);
  dbias = carver.take<T>(s.D * s.P * s.S);
  zeros = carver.take<T>(s.H);
  h_prev = carver.take<T>(s.D * s.N * s.H);
  distinct_sum = carver.take<T>(s.D * s.U * s.G);
  words = carver.take<uint32_t>(s.dropout || s.zoneout ? s.D * s.P * (s.H + 4) : 0);
  dgains = carver.take<T>(s.layer_norm ? s.D * s.P * (s.G + 2 * s.H) : 0);
  seen = carver.take<T>(s.layer_norm ? 3 * rows : 0);
}

RnnBytes rnn_bytes(const RnnShape& shape, const MaxShape& max) {
  const RnnSize size = rnn_size(shape, max);
  return dispatch_real(shape.dtype, [&]<class T>() {
    Carver saved(nullptr), forward(nullptr), backward(nullptr);
    static_cast<void>(RnnSaved<T>(saved, size));
    static_cast<void>(ForwardScratch<T>(forward, size));
    static_cast<void>(BackwardScratch<T>(backward, size));
    return RnnBytes{saved.used(), std::max(forward.used(), backward.used())};
  });
}

Slice::Slice(const RnnSize& s, const HostBatch& host, int64_t task)
    : d(task / s.P),
      first((task % s.P) * (s.B / s.P) + std::min(task % s.P, s.B % s.P)),
      count((s.B - task % s.P + s.P - 1) / s.P),
      start(task % s.P),
      stride(s.P),
      index(task),
      reverse(d == 1),
      batch(&host) {}

int64_t Slice::active(int64_t t) const {
  if (t < 0 || t >= batch->steps) return 0;
  const int64_t sequences = batch->active[static_cast<size_t>(t)];
  return sequences > start ? (sequences - start + stride - 1) / stride : 0;
}

template <class T>
RnnMasks<T>::RnnMasks(const RnnForward& p, int64_t direction)
    : shape_(p.shape), step_(p.step), site_(p.shape.site + 3 * static_cast<uint32_t>(direction)) {}

template <class T>
void RnnMasks<T>::recurrent(int64_t b, uint32_t* words, T* mask) const {
  const int64_t H = shape_.hidden_size;
  if (!step_.training) {
    std::fill(mask, mask + H, T(1));
    return;
  }
  const double p = shape_.recurrent_dropout;
  isa_table().mask_words(step_.masks(site_), (H + 3) / 4, static_cast<uint32_t>(b), 0, words);
  const uint32_t threshold = drop_threshold(p);
  const T scale = static_cast<T>(1 / (1 - p));
  for (int64_t j = 0; j < H; ++j) mask[j] = words[j] >= threshold ? scale : T(0);
}

template <class T>
void RnnMasks<T>::zoneout(double p, uint32_t site, int64_t b, int64_t t, uint32_t* words, T* zone) const {
  const int64_t H = shape_.hidden_size;
  if (!step_.training || p == 0) {
    std::fill(zone, zone + H, static_cast<T>(p));
    return;
  }
  isa_table().mask_words(step_.masks(site), (H + 3) / 4, static_cast<uint32_t>(b), static_cast<uint32_t>(t),
                         words);
  const uint32_t threshold = drop_threshold(p);
  for (int64_t j = 0; j < H; ++j) zone[j] = words[j] < threshold ? T(1) : T(0);
}

template <class T>
void RnnMasks<T>::zoneout_hidden(int64_t b, int64_t t, uint32_t* words, T* zone) const {
  zoneout(shape_.zoneout_hidden, site_ + 1, b, t, words, zone);
}

template <class T>
void RnnMasks<T>::zoneout_cell(int64_t b, int64_t t, uint32_t* words, T* zone) const {
  zoneout(shape_.zoneout_cell, site_ + 2, b, t, words, zone);
}

template struct RnnSaved<float>;
template struct RnnSaved<double>;
template struct ForwardScratch<float>;
template struct ForwardScratch<double>;
template struct BackwardScratch<float>;
template struct BackwardScratch<double>;
template class RnnMasks<float>;
template class RnnMasks<double>;

}  // namespace sluice::cpu
