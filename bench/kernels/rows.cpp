// Rows of tables, masks, dropout, linear, batch norm, pooling.
#include "bench/kernels/case.h"
#include "kernels/batch/columns.h"

namespace sluice::bench {

void KernelRig::add_rows() {
  add_tables();
  add_linear();
  add_normalisation();
  add_pooling();
}

void KernelRig::add_tables() {
  const Batch& b = batch(Layout::packed);
  const double N = b.rows, U = b.distinct, E = sizes_.width, B = b.sequences, T = b.steps;
  const BuildMask mask{.lengths = b.lengths, .mask = zeros(DType::u8, {b.sequences, b.steps})};
  add("build_mask", {{"build_mask", B * T + 4 * B, kPlace}}, [=, this] { backend_.build_mask(mask); });

  const Tensor table = real({sizes_.vocabulary, sizes_.width}), x = real({b.rows, sizes_.width}),
               y = zeros(type_, {b.rows, sizes_.width}), sums = zeros(acc_, {b.distinct, sizes_.width}),
               gradient = zeros(acc_, {sizes_.vocabulary, sizes_.width});
  const char* ids = "every thread of a row reads its id, from the cache, and parameters";
  add("gather", {{"gather", N * (2 * E * s_ + 4), ids}},
      [=, this, &b] { backend_.gather({.table = table, .ids = b.ids, .y = y}); });
  add("segment_sum", {{"segment_sum", E * (N * s_ + U * a_) + 4 * N + 4 * U, ids}}, [=, this, &b] {
    backend_.segment_sum({.x = x, .segments = b.segments, .segment_rows = b.segment_rows, .y = sums});
  });
  add("scatter_add", {{"scatter_add", 3 * U * E * a_ + 4 * U, ids}},
      [=, this, &b] { backend_.scatter_add({.x = sums, .slots = b.distinct_ids, .y = gradient}); });
}

void KernelRig::add_linear() {
  const Batch& b = batch(Layout::packed);
  const int64_t M = b.rows, C = sizes_.width;
  const double elements = static_cast<double>(M * C) * s_, columns = static_cast<double>(C) * a_;
  const Tensor x = real({M, C}), W = real({C, C}), y = zeros(acc_, {M, C}), dy = real({M, C}),
               dx = zeros(type_, {M, C}), dW = zeros(acc_, {C, C}), db = zeros(acc_, {C});
  Tensor bias = acc({C + 1});  // where cuBLASLt's epilogue does not take it
  bias.data = static_cast<char*>(bias.data) + static_cast<int64_t>(a_);
  bias.dims[0] = C;
  add(
      "linear_forward",
      {{"bias", static_cast<double>(M) * columns + columns,
        "each thread reads its part of b for each of its rows, from the cache"}},
      [=, this] { backend_.linear_forward({.x = x, .W = W, .b = bias, .y = y}); }, false);
  const double chunks = static_cast<double>(cuda::column_chunks(M) * C) * 8;
  add(
      "linear_backward",
      {{"sum_chunks", elements + chunks, kShared}, {"add_chunks", chunks + 2 * columns, kShared}},
      [=, this] { backend_.linear_backward({.x = x, .W = W, .dy = dy, .dx = dx, .dW = dW, .db = db}); },
      false);
  const Batch* places = &b;
  add("dropout", {{"dropout", 2 * elements, kPlace}}, [=, this] {
    backend_.dropout(
        {.batch = places, .p = 0.5, .masks = {.seed = 1, .step = 1, .site = 1}, .x = x, .y = dx});
  });
}

void KernelRig::add_normalisation() {
  const Batch& b = batch(Layout::packed);
  const int64_t M = b.rows, C = sizes_.width;
  const double elements = static_cast<double>(M * C) * s_, columns = static_cast<double>(C) * a_;
  const double chunks = static_cast<double>(cuda::column_chunks(M) * C) * 24;
  const BatchNormForward forward{.batch = &b,
                                 .training = true,
                                 .x = real({M, C}),
                                 .gamma = acc({C}),
                                 .beta = acc({C}),
                                 .running_mean = acc({C}),
                                 .running_var = acc({C}),
                                 .mean = zeros(acc_, {C}),
                                 .inverse_std = zeros(acc_, {C}),
                                 .y = zeros(type_, {M, C})};
  const char* of_columns = "what belongs to a column is read once by each block, from the cache";
  add("batch_norm_forward",
      {{"moments_of_chunks", elements + chunks, kShared},
       {"finish_statistics", chunks + 6 * columns, kShared},
       {"normalise", 2 * elements + 4 * columns, of_columns}},
      [=, this] { backend_.batch_norm_forward(forward); });
  const BatchNormBackward backward{.forward = forward,
                                   .dy = real({M, C}),
                                   .dx = zeros(type_, {M, C}),
                                   .dgamma = zeros(acc_, {C}),
                                   .dbeta = zeros(acc_, {C})};
  add("batch_norm_backward",
      {{"gradients_of_chunks", 2 * elements + chunks + 2 * columns, kShared},
       {"finish_gradients", chunks + 8 * columns, kShared},
       {"input_gradient", 3 * elements + 7 * columns, of_columns}},
      [=, this] { backend_.batch_norm_backward(backward); });
}

void KernelRig::add_pooling() {
  const Batch& b = batch(Layout::packed);
  const int64_t N = b.rows, B = b.sequences, C = sizes_.width;
  const double rows = static_cast<double>(N * C) * s_, pooled = static_cast<double>(B * C) * s_;
  const double places = static_cast<double>(B * C) * 4;  // argmax
  const Tensor x = real({N, C}), y = zeros(type_, {B, C}), dx = zeros(type_, {N, C});
  const Tensor argmax = zeros(DType::i32, {B, C});
  struct Kind {
    Pooling pooling;
    const char *forward, *backward;
    KernelLine of_forward, of_backward;
  };
  const KernelLine of_sum_backward = {
      "sum_backward", 2 * rows + pooled,
      "dy and the length are read for every row of a sequence, from the cache"};
  const Kind kinds[] = {{Pooling::mean,
                         "pool_mean_forward",
                         "pool_mean_backward",
                         {"pool_steps", rows + pooled, kShared},
                         of_sum_backward},
                        {Pooling::sqrtn,
                         "pool_sqrtn_forward",
                         "pool_sqrtn_backward",
                         {"pool_steps", rows + pooled, kShared},
                         of_sum_backward},
                        {Pooling::max,
                         "pool_max_forward",
                         "pool_max_backward",
                         {"pool_steps", rows + pooled + places, kShared},
                         {"select_backward", 3 * pooled + places, kPlace}},
                        {Pooling::last,
                         "pool_last_forward",
                         "pool_last_backward",
                         {"pool_last", 2 * pooled, kPlace},
                         {"select_backward", 3 * pooled, kPlace}}};
  for (const Kind& kind : kinds) {
    const PoolForward forward{
        .kind = kind.pooling, .batch = &b, .directions = 1, .x = x, .y = y, .argmax = argmax};
    add(kind.forward, {kind.of_forward}, [=, this] { backend_.pool_forward(forward); });
    add(kind.backward, {kind.of_backward},
        [=, this] { backend_.pool_backward({.forward = forward, .dy = y, .dx = dx}); });
  }
}

}  // namespace sluice::bench
