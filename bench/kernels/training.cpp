// Losses, clipping, optimisers.
#include "bench/kernels/case.h"
#include "kernels/optim/clip.h"

namespace sluice::bench {

void KernelRig::add_training() {
  add_losses();
  add_clipping();
  add_optimisers();
}

void KernelRig::add_losses() {
  const Batch& b = batch(Layout::packed);
  const int64_t B = b.sequences, K = sizes_.classes;
  const double classes = static_cast<double>(B * K), elements = classes * (2 * a_ + s_),
               rows = static_cast<double>(B);
  const Tensor logits = acc({B, K}), y = zeros(acc_, {B, K}), losses = zeros(acc_, {B}),
               gradient = zeros(type_, {B, K}), targets = zeros(DType::f32, {B, K}),
               hits = zeros(DType::i32, {B});
  add("softmax_xent",
      {{"softmax_xent", elements + rows * (a_ + 8),
        "a row's logits are read three times, twice from the cache; and parameters"}},
      [=, this, &b] {
        backend_.softmax_xent({.logits = logits,
                               .labels = b.labels,
                               .probabilities = y,
                               .losses = losses,
                               .hits = hits,
                               .dlogits = gradient});
      });
  add("sigmoid_xent", {{"sigmoid_xent", elements + 4 * classes + rows * (a_ + 4), kParameters}}, [=, this] {
    backend_.sigmoid_xent({.logits = logits,
                           .targets = targets,
                           .probabilities = y,
                           .losses = losses,
                           .hits = hits,
                           .dlogits = gradient});
  });
}

void KernelRig::add_clipping() {
  const int64_t n = sizes_.flat;
  const double flat = static_cast<double>(n) * a_,
               chunks = 8 * static_cast<double>(cuda::sum_squares_partials(n));
  const Tensor x = acc({n}), sum = zeros(DType::f64, {1}), scale = zeros(DType::f64, {1});
  add("sum_squares",
      {{"sum_squares_chunk", flat + chunks,
        "the sums of warps meet in shared memory, whose bytes count; and parameters"},
       {"add_partials", chunks + 16, "a block's warps meet in shared memory, whatever n is"}},
      [=, this] { backend_.sum_squares({.x = x, .out = sum}); });
  add(
      "clip_scale", {{"clip_scale", 16, ""}},
      [=, this] { backend_.clip_scale({.sum_squares = sum, .max_norm = 1, .scale = scale}); }, false);
  add("clip_value", {{"clip_value", 2 * flat, ""}},
      [=, this] { backend_.clip_value({.x = x, .limit = 0.1}); });
}

void KernelRig::add_optimisers() {
  const Batch& b = batch(Layout::packed);
  const int64_t n = sizes_.flat, E = sizes_.width, V = sizes_.vocabulary, U = b.distinct;
  const double flat = static_cast<double>(n) * a_, rows = static_cast<double>(U * E) * a_;
  const char* once = "each thread reads the clip scale, from the cache, and parameters, from constant memory";
  const Tensor w = acc({n}), g = acc({n}), m = zeros(acc_, {n}), v = zeros(acc_, {n});
  if (type_ != acc_) {
    const Tensor operand = zeros(type_, {n});
    add("convert", {{"convert", flat + static_cast<double>(n) * s_, kParameters}},
        [=, this] { backend_.convert({.from = w, .to = operand}); });
  }
  const Tensor scale = zeros(DType::f64, {1}), touched = zeros(DType::i32, {V});
  const AdamConfig adam{.learning_rate = 1e-3, .weight_decay = 0.01, .step = 3};
  const SgdConfig sgd{.learning_rate = 1e-3, .momentum = 0.9, .step = 3};
  add("adam", {{"adam", 7 * flat, once}},
      [=, this] { backend_.adam({.config = adam, .w = w, .g = g, .m = m, .v = v, .scale = scale}); });
  add("sgd", {{"sgd", 5 * flat, once}},
      [=, this] { backend_.sgd({.config = sgd, .w = w, .g = g, .m = m, .scale = scale}); });
  const Tensor table = acc({V, E}), gradient = acc({U, E}), tm = zeros(acc_, {V, E}),
               tv = zeros(acc_, {V, E});
  const char* lanes = "each lane of a row reads its id and the clip scale, from the cache, and parameters";
  add("adam_rows", {{"adam_rows", 7 * rows + 12 * static_cast<double>(U), lanes}}, [=, this, &b] {
    backend_.adam_rows({.config = adam,
                        .ids = b.distinct_ids,
                        .g = gradient,
                        .w = table,
                        .m = tm,
                        .v = tv,
                        .touched = touched,
                        .scale = scale});
  });
  add("sgd_rows", {{"sgd_rows", 5 * rows + 12 * static_cast<double>(U), lanes}}, [=, this, &b] {
    backend_.sgd_rows({.config = sgd,
                       .ids = b.distinct_ids,
                       .g = gradient,
                       .w = table,
                       .m = tm,
                       .touched = touched,
                       .scale = scale});
  });
}

}  // namespace sluice::bench
