// The path `step`: what runs between and around its products.
#include "bench/kernels/case.h"
#include "kernels/batch/columns.h"
#include "kernels/cells/lstm.h"

namespace sluice::bench {

void KernelRig::add_recurrence() {
  RnnShape shape{.dtype = type_, .input_size = sizes_.width, .hidden_size = sizes_.width};
  add_rnn("lstm", shape, Layout::packed, false);
  add_rnn("lstm distinct inputs", shape, Layout::packed, true);
  add_rnn("lstm padded", shape, Layout::padded, false);
  shape.recurrent_dropout = 0.25;
  shape.zoneout_hidden = shape.zoneout_cell = 0.1;
  add_rnn("lstm dropout zoneout", shape, Layout::packed, false);
}

void KernelRig::add_rnn(const char* name, const RnnShape& shape, Layout layout, bool distinct_inputs) {
  const RnnPath path = RnnPath::step;
  const Batch& b = batch(layout);
  const int64_t B = b.sequences, N = b.rows, U = distinct_inputs ? b.distinct : N, H = sizes_.width,
                G = Lstm::kGates * H;
  const RnnBytes bytes = backend_.rnn_bytes(shape, path, {b.sequences, b.steps, b.rows, b.distinct});
  RnnForward forward{.shape = shape, .path = path, .step = {.training = true, .seed = 1}, .batch = &b};
  forward.x = real({U, H});
  if (distinct_inputs) forward.x_index = b.row_distinct;
  forward.W = real({1, G, H});
  forward.R = real({1, G, H});
  forward.b = real({1, G});
  forward.y = zeros(type_, {N, H});
  forward.saved = zeros(DType::u8, {static_cast<int64_t>(bytes.saved)});
  forward.scratch = zeros(DType::u8, {static_cast<int64_t>(bytes.scratch)});
  const RnnBackward backward{.forward = forward,
                             .dy = real({N, H}),
                             .dx = zeros(type_, {U, H}),
                             .dW = zeros(type_, {1, G, H}),
                             .dR = zeros(type_, {1, G, H}),
                             .db = zeros(type_, {1, G})};

  // step.cu's head: elements for each unit of each active row.
  const bool regularised = shape.recurrent_dropout > 0;
  const double gates = Lstm::kGates, units = static_cast<double>(b.tokens * H) * s_,
               rows = static_cast<double>(N * H) * s_, padding = rows - units;
  const double inputs = static_cast<double>(U * G) * s_, biases = static_cast<double>(G) * s_,
               chunks = static_cast<double>(cuda::column_chunks(U) * G) * 8;
  std::vector<KernelLine> lines = {
      {"step_forward", units * (3 * gates + (regularised ? 7 : 5)) + biases,
       "b is read for every row, from the cache: 4 elements a unit; and parameters, from constant memory"},
      {"step_backward", units * (2 * gates + (regularised ? 8 : 5)), kParameters},
      {"h_before", 2 * rows, kPlace},
      {"sum_chunks", inputs + chunks, kShared},
      {"add_chunks", chunks + 2 * biases, kShared}};
  if (distinct_inputs)
    lines.push_back({"segment_sum", gates * rows + inputs + 4 * static_cast<double>(N + U),
                     "every thread of a row reads its ids, from the cache, and parameters"});
  if (regularised) lines.push_back({"mask_state", 2 * static_cast<double>(B * H) * s_, ""});
  if (layout == Layout::padded) {
    lines.push_back({"zero_padding", padding * (1 + gates), kPlace});
  }
  add(
      name, std::move(lines),
      [=, this] {
        backend_.rnn_forward(forward);
        backend_.rnn_backward(backward);
      },
      false);
}

}  // namespace sluice::bench
