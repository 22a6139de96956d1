// Every verb but the recurrences on 1, 2 and 4 threads: the same bits. (Recurrences: rnn_paths_test.cpp.)
#include <gmock/gmock.h>

#include <numeric>

#include "tests/backends/cases.h"
#include "tests/backends/rig.h"

namespace sluice {
namespace {

class Threads : public BackendTest {
 protected:
  // work(rig) returns every number it computed.
  template <class Work>
  void expect_same_for_any_number(const Work& work) {
    const auto result = [&](int threads) {
      const auto backend = GetParam().make(threads);
      Rig rig(*backend, dtype_);
      return work(rig);
    };
    const Values one = result(1);
    ASSERT_FALSE(one.empty());
    EXPECT_TRUE(same_bits(result(2), one));
    EXPECT_TRUE(same_bits(result(4), one));
  }

  Values draw(int count) const {
    return Random(static_cast<uint64_t>(count)).reals(static_cast<size_t>(count), dtype_);
  }
};
INSTANTIATE_TEST_SUITE_P(, Threads, testing::ValuesIn(for_each_accumulator()), name_of_param);

Values joined(Rig& rig, std::initializer_list<Tensor> tensors) {
  Values all;
  for (const Tensor& tensor : tensors) {
    const Values values = rig.get(tensor);
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

TEST_P(Threads, rows_of_tables) {
  const HostBatch host = ragged({200, 170, 90, 90, 12}, Layout::packed, 40);
  expect_same_for_any_number([&](Rig& rig) {
    const Batch batch = rig.upload(host);
    const Tensor x = rig.out({host.rows, 37}), sums = rig.out({batch.distinct, 37});
    const Tensor table = rig.inout(draw(40 * 37), {40, 37});
    rig.backend().gather({table, batch.ids, x});
    rig.backend().segment_sum({x, batch.segments, batch.segment_rows, sums});
    rig.backend().scatter_add({sums, batch.distinct_ids, table});
    return joined(rig, {x, sums, table});
  });
}

TEST_P(Threads, pooling_and_dropout) {
  const HostBatch host = ragged({70, 51, 33, 33, 12, 1, 0}, Layout::packed);
  expect_same_for_any_number([&](Rig& rig) {
    const Batch batch = rig.upload(host);
    const Tensor x = rig.in(draw(host.rows * 34), {host.rows, 34}),
                 dx = rig.inout(Values(static_cast<size_t>(host.rows) * 34, 0.5), {host.rows, 34});
    const Tensor y = rig.out({7, 34}), dropped = rig.out({host.rows, 34});
    for (Pooling kind : {Pooling::mean, Pooling::max, Pooling::last}) {
      PoolForward forward{kind, &batch, 2, x, y, 0, rig.out_as(DType::i32, {7, 34})};
      rig.backend().pool_forward(forward);
      rig.backend().pool_backward({forward, y, dx});
    }
    rig.backend().dropout({&batch, 0.3, {5, 6, 7}, x, dropped});
    return joined(rig, {y, dx, dropped});
  });
}

TEST_P(Threads, batch_norm) {
  const HostBatch host = ragged({300, 280, 150, 149, 12, 1, 0}, Layout::packed);
  expect_same_for_any_number([&](Rig& rig) {
    const Batch batch = rig.upload(host);
    BatchNormForward forward;
    forward.batch = &batch;
    forward.training = true;
    forward.x = rig.in(draw(host.rows * 33), {host.rows, 33});
    forward.gamma = rig.in(draw(33), {33});
    forward.beta = rig.in(draw(33), {33});
    forward.running_mean = rig.inout(draw(33), {33});
    forward.running_var = rig.inout(Values(33, 1.0), {33});
    forward.mean = rig.out({33});
    forward.inverse_std = rig.out({33});
    forward.y = rig.out({host.rows, 33});
    rig.backend().batch_norm_forward(forward);
    const Tensor dx = rig.out({host.rows, 33}), dgamma = rig.inout(draw(33), {33}),
                 dbeta = rig.inout(draw(33), {33});
    const Tensor y = rig.in(rig.get(forward.y), {host.rows, 33});
    rig.backend().batch_norm_backward({forward, y, dx, dgamma, dbeta});
    return joined(rig, {forward.y, forward.running_mean, forward.running_var, dx, dgamma, dbeta});
  });
}

TEST_P(Threads, linear_and_losses) {
  for (int M : {3, 700})
    expect_same_for_any_number([&](Rig& rig) {
      const Tensor x = rig.in(draw(M * 65), {M, 65}), W = rig.in(draw(19 * 65), {19, 65}),
                   y = rig.out({M, 19});
      rig.backend().linear_forward({x, W, rig.in(draw(19), {19}), y});
      const Tensor probabilities = rig.out({M, 19}), losses = rig.out({M}), dy = rig.out({M, 19});
      SoftmaxXent softmax;
      softmax.logits = y;
      softmax.labels = rig.in(Random(3).ints(static_cast<size_t>(M), 0, 18), {M});
      softmax.probabilities = probabilities;
      softmax.losses = losses;
      softmax.dlogits = dy;
      rig.backend().softmax_xent(softmax);
      const Tensor dx = rig.out({M, 65}), dW = rig.inout(draw(19 * 65), {19, 65}),
                   db = rig.inout(draw(19), {19});
      rig.backend().linear_backward({x, W, dy, dx, dW, db});
      Values all = joined(rig, {y, probabilities, losses, dy, dx, dW, db});
      SigmoidXent sigmoid;
      sigmoid.logits = y;
      sigmoid.targets = rig.in_as(DType::f32, Random(4).whole(static_cast<size_t>(M) * 19, 0, 1), {M, 19});
      sigmoid.probabilities = probabilities;
      sigmoid.losses = losses;
      sigmoid.dlogits = dy;
      rig.backend().sigmoid_xent(sigmoid);
      const Values more = joined(rig, {probabilities, losses, dy});
      all.insert(all.end(), more.begin(), more.end());
      return all;
    });
}

TEST_P(Threads, clipping_and_optimisers) {
  expect_same_for_any_number([&](Rig& rig) {
    constexpr int kCount = 54321;
    const Tensor g = rig.inout(draw(kCount), {kCount}), w = rig.inout(draw(kCount), {kCount});
    const Tensor m = rig.inout(Values(kCount, 0.0), {kCount}), v = rig.inout(Values(kCount, 0.0), {kCount});
    const Tensor sum = rig.inout_as(DType::f64, {0}, {1}), scale = rig.out_as(DType::f64, {1});
    Backend& backend = rig.backend();
    backend.clip_value({g, 0.9});
    backend.sum_squares({g, sum});
    backend.clip_scale({sum, 1.0, scale});
    backend.adam({{.learning_rate = 0.1, .weight_decay = 0.1}, w, g, m, v, scale});
    backend.sgd({{.learning_rate = 0.1, .momentum = 0.9}, w, g, m, scale});
    const Tensor table = rig.inout(draw(3000), {300, 10}), table_m = rig.inout(Values(3000, 0.0), {300, 10}),
                 table_v = rig.inout(Values(3000, 0.0), {300, 10}), touched = rig.inout(Ints(300, 0), {300});
    Ints ids(150);
    for (size_t k = 0; k < 150; ++k) ids[k] = static_cast<int32_t>(2 * k);
    const Tensor rows = rig.in(ids, {150}), row_g = rig.in(draw(1500), {150, 10});
    backend.adam_rows(
        {{.learning_rate = 0.1, .step = 5}, rows, row_g, table, table_m, table_v, touched, scale});
    backend.sgd_rows(
        {{.learning_rate = 0.1, .momentum = 0.9, .step = 7}, rows, row_g, table, table_m, touched, scale});
    return joined(rig, {g, sum, scale, w, m, v, table, table_m, table_v});
  });
}

}  // namespace
}  // namespace sluice
