// The path `step`: what runs between and around its products.
#include "bench/kernels/case.h"
#include "kernels/batch/columns.h"
#include "kernels/cells/cells.h"

namespace sluice::bench {

void KernelRig::add_recurrence() {
  for (const CellKind cell : kCells) {
    RnnShape shape{.cell = cell, .dtype = type_, .input_size = sizes_.width, .hidden_size = sizes_.width};
    const std::string name = name_of(cell);
    add_rnn(name, shape, Layout::packed, false);
    add_rnn(name + " distinct inputs", shape, Layout::packed, true);
    add_rnn(name + " padded", shape, Layout::padded, false);
    shape.recurrent_dropout = 0.25;
    shape.zoneout_hidden = 0.1;
    if (traits_of(cell).states > 1) shape.zoneout_cell = 0.1;
    add_rnn(name + " dropout zoneout", shape, Layout::packed, false);
  }
}

void KernelRig::add_rnn(const std::string& name, const RnnShape& shape, Layout layout, bool distinct_inputs) {
  const RnnPath path = RnnPath::step;
  const Batch& b = batch(layout);
  const CellTraits cell = traits_of(shape.cell);
  const int64_t N = b.rows, U = distinct_inputs ? b.distinct : N, H = sizes_.width, G = cell.gates * H,
                S = cell.saved * H;
  const RnnBytes bytes = backend_.rnn_bytes(shape, path, {b.sequences, b.steps, b.rows, b.distinct});
  RnnForward forward{.shape = shape, .path = path, .step = {.training = true, .seed = 1}, .batch = &b};
  forward.x = real({U, H});
  if (distinct_inputs) forward.x_index = b.row_distinct;
  forward.W = real({1, G, H});
  forward.R = real({1, G, H});
  forward.b = acc({1, S});
  forward.y = zeros(type_, {N, H});
  forward.saved = zeros(DType::u8, {static_cast<int64_t>(bytes.saved)});
  forward.scratch = zeros(DType::u8, {static_cast<int64_t>(bytes.scratch)});
  const RnnBackward backward{.forward = forward,
                             .dy = real({N, H}),
                             .dx = zeros(type_, {U, H}),
                             .dW = zeros(acc_, {1, G, H}),
                             .dR = zeros(acc_, {1, G, H}),
                             .db = zeros(acc_, {1, S})};

  // Bytes of a unit of an active row, as step.cu's head counts them.
  const bool regularised = shape.recurrent_dropout > 0, operand = regularised || type_ != acc_;
  const double g = cell.gates, saved = cell.saved, n = cell.states;
  const double ahead = g * s_ + g * a_ + a_ + saved * s_ + n * a_ + (n - 1) * a_ + s_ +
                       (regularised && !cell.carries_h ? a_ : 0) + (operand ? s_ : 0);
  const double back = 2 * saved * s_ + (cell.carries_h ? s_ : a_) + s_ + n * a_ + a_ +
                      (regularised ? (cell.carries_h ? a_ : 2 * a_) : 0);
  const double units = static_cast<double>(b.tokens * H), rows = static_cast<double>(N * H),
               slots = static_cast<double>(S) * a_,
               chunks = static_cast<double>(cuda::column_chunks(N) * S) * 8;
  std::vector<KernelLine> lines = {
      {"step_forward", units * ahead + slots, "b is read for every row, from the cache; and parameters"},
      {"step_backward", units * back, kParameters},
      {"h_before", 2 * rows * s_, kPlace},
      {"sum_chunks", static_cast<double>(N * S) * s_ + chunks, kShared},
      {"add_chunks", chunks + 2 * slots, kShared}};
  if (distinct_inputs)
    lines.push_back({"segment_sum", static_cast<double>((N + U) * G) * s_ + 4 * static_cast<double>(N + U),
                     "every thread of a row reads its ids, from the cache, and parameters"});
  if (operand) lines.push_back({"mask_state", static_cast<double>(b.sequences * H) * (a_ + s_), kParameters});
  if (layout == Layout::padded) lines.push_back({"zero_padding", (rows - units) * (1 + saved) * s_, kPlace});
  add(
      name.c_str(), std::move(lines),
      [=, this] {
        backend_.rnn_forward(forward);
        backend_.rnn_backward(backward);
      },
      false);
}

}  // namespace sluice::bench
