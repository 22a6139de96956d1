#include <gmock/gmock.h>

#include <cmath>

#include "tests/backends/cases.h"
#include "tests/backends/rig.h"
#include "tests/oracle/layers.h"

namespace sluice {
namespace {

class LossTest : public BackendTest {
 protected:
  // Differences of logits pass through e^x and a logarithm: 16 units of the largest value beside the sum over
  // K.
  Bound bound(int K) const {
    Bound b = tolerance::activated_sum(acc_, K, tolerance::activation_units(acc_));
    b.of_largest += 8 * tolerance::unit(acc_);
    return b;
  }
  Bound gradient_bound(int K) const { return tolerance::stored_as(dtype_, bound(K)); }
};
INSTANTIATE_TEST_SUITE_P(, LossTest, testing::ValuesIn(for_each_dtype()), name_of_param);

struct LossResult {
  Values probabilities, losses, dlogits;
  Ints hits;
};

LossResult run(Rig& rig, SoftmaxXent args, bool weighted, int B, int K, const Values& weights) {
  if (weighted) args.class_weights = rig.in_acc(weights, {K});
  args.probabilities = rig.out_acc({B, K});
  args.losses = rig.out_acc({B});
  args.hits = rig.out_as(DType::i32, {B});
  args.dlogits = rig.out({B, K});
  rig.backend().softmax_xent(args);
  return {rig.get(args.probabilities), rig.get(args.losses), rig.get(args.dlogits), rig.get_ints(args.hits)};
}

TEST_P(LossTest, softmax_equals_the_oracle) {
  for (int B : {1, 5, 70})
    for (int K : {1, 2, 5, 17, 41})
      for (bool weighted : {false, true})
        for (double smoothing : {0.0, 0.1}) {
          SCOPED_TRACE(testing::Message()
                       << "B " << B << " K " << K << " weighted " << weighted << " smoothing " << smoothing);
          Rig rig(*backend_, dtype_);
          Random random(static_cast<uint64_t>(B * 100 + K));
          const auto count = static_cast<size_t>(B * K);
          const Values logits = random.reals(count, dtype_, -6, 6);
          const Values weights = random.reals(static_cast<size_t>(K), dtype_, 0.2, 3);
          const Ints labels = random.ints(static_cast<size_t>(B), -1, K - 1);
          SoftmaxXent args;
          args.logits = rig.in_acc(logits, {B, K});
          args.labels = rig.in(labels, {B});
          args.smoothing = smoothing;
          args.scale = weighted ? 99 : 1.0 / B;  // and then in device memory
          if (weighted) args.scale_now = rig.in_as(DType::f64, {1.0 / B}, {1});
          const LossResult got = run(rig, args, weighted, B, K, weights);
          const oracle::Matrix matrix(static_cast<size_t>(B), static_cast<size_t>(K), logits);
          const oracle::Loss want =
              oracle::softmax_xent(matrix, labels, weighted ? weights : Values(), smoothing, 1.0 / B);
          EXPECT_TRUE(near(got.probabilities, want.probabilities.values, bound(K)));
          EXPECT_TRUE(near(got.losses, want.losses, bound(K)));
          EXPECT_EQ(got.hits, want.hits);
          EXPECT_TRUE(near(got.dlogits, want.dlogits.values, gradient_bound(K)));
        }
}

TEST_P(LossTest, sigmoid_equals_the_oracle) {
  for (int B : {1, 5, 70})
    for (int K : {1, 2, 17, 41})
      for (bool weighted : {false, true})
        for (double smoothing : {0.0, 0.1}) {
          SCOPED_TRACE(testing::Message()
                       << "B " << B << " K " << K << " weighted " << weighted << " smoothing " << smoothing);
          Rig rig(*backend_, dtype_);
          Random random(static_cast<uint64_t>(B * 100 + K));
          const auto count = static_cast<size_t>(B * K);
          const Values logits = random.reals(count, dtype_, -6, 6), targets = random.whole(count, 0, 1);
          const Values weights = random.reals(static_cast<size_t>(K), dtype_, 0.2, 3);
          SigmoidXent args;
          args.logits = rig.in_acc(logits, {B, K});
          args.targets = rig.in_as(DType::f32, targets, {B, K});
          if (weighted) args.class_weights = rig.in_acc(weights, {K});
          args.smoothing = smoothing;
          args.scale = weighted ? 99 : 0.25;  // and then in device memory
          if (weighted) args.scale_now = rig.in_as(DType::f64, {0.25}, {1});
          args.probabilities = rig.out_acc({B, K});
          args.losses = rig.out_acc({B});
          args.hits = rig.out_as(DType::i32, {B});
          args.dlogits = rig.out({B, K});
          backend_->sigmoid_xent(args);
          const auto rows = static_cast<size_t>(B), columns = static_cast<size_t>(K);
          const oracle::Loss want = oracle::sigmoid_xent({rows, columns, logits}, {rows, columns, targets},
                                                         weighted ? weights : Values(), smoothing, 0.25);
          EXPECT_TRUE(near(rig.get(args.probabilities), want.probabilities.values, bound(K)));
          EXPECT_TRUE(near(rig.get(args.losses), want.losses, bound(K)));
          EXPECT_EQ(rig.get_ints(args.hits), want.hits);
          EXPECT_TRUE(near(rig.get(args.dlogits), want.dlogits.values, gradient_bound(K)));
        }
}

TEST_P(LossTest, losses_and_gradients_may_be_left_out) {
  Rig rig(*backend_, dtype_);
  const Values logits = Random(1).reals(12, dtype_);
  const Tensor x = rig.in_acc(logits, {4, 3});
  const Tensor softmax = rig.out_acc({4, 3}), sigmoid = rig.out_acc({4, 3});
  SoftmaxXent one;
  one.logits = x;
  one.labels = rig.in(Ints{0, -1, 2, 1}, {4});
  one.probabilities = softmax;
  backend_->softmax_xent(one);
  SigmoidXent many;
  many.logits = x;
  many.targets = rig.in_as(DType::f32, Values(12, 1.0), {4, 3});
  many.probabilities = sigmoid;
  backend_->sigmoid_xent(many);
  const oracle::Matrix matrix(4, 3, logits);
  EXPECT_TRUE(near(rig.get(softmax),
                   oracle::softmax_xent(matrix, {0, -1, 2, 1}, {}, 0, 1).probabilities.values, bound(3)));
  EXPECT_TRUE(near(rig.get(sigmoid),
                   oracle::sigmoid_xent(matrix, oracle::Matrix(4, 3, 1.0), {}, 0, 1).probabilities.values,
                   bound(3)));
}

// Of equal logits the first counts, as where a label is predicted; a label of -1 is never hit, nor is a row
// with what is not a number.
TEST_P(LossTest, hits_of_equal_logits) {
  Rig rig(*backend_, dtype_);
  SoftmaxXent args;
  const double nan = std::nan("");
  args.logits = rig.in_acc({2, 2, 0, 2, 2, 0, 1, 3, 3, 5, 0, 0, nan, 0, 0, 0, 0, nan}, {6, 3});
  args.labels = rig.in(Ints{0, 1, 1, -1, 1, 0}, {6});
  const LossResult got = run(rig, args, false, 6, 3, {});
  EXPECT_EQ(got.hits, (Ints{1, 0, 1, 0, 0, 0}));
}

// Logits of either sign far beyond where e^x overflows.
TEST_P(LossTest, large_logits_stay_finite) {
  Rig rig(*backend_, dtype_);
  const Values logits = {1000, -1000, 0, -1000, 1000, 0};
  SoftmaxXent args;
  args.logits = rig.in_acc(logits, {2, 3});
  args.labels = rig.in(Ints{0, 0}, {2});
  const LossResult got = run(rig, args, false, 2, 3, {});
  EXPECT_THAT(got.losses, testing::ElementsAre(0, 2000));
  EXPECT_THAT(got.probabilities[0], 1);
  EXPECT_THAT(got.dlogits[3], -1);
  SigmoidXent many;
  many.logits = args.logits;
  many.targets = rig.in_as(DType::f32, {1, 0, 1, 1, 0, 0}, {2, 3});
  many.probabilities = rig.out_acc({2, 3});
  many.losses = rig.out_acc({2});
  many.dlogits = rig.out({2, 3});
  backend_->sigmoid_xent(many);
  EXPECT_TRUE(near(rig.get(many.losses), {std::log(2.0), 2000 + std::log(2.0)}, tolerance::rounded(acc_, 8)));
  EXPECT_TRUE(near(rig.get(many.dlogits), {0, 0, -0.5, -1, 1, 0.5}, tolerance::rounded(dtype_, 8)));
}

// What is not a number must reach the loss, where training stops on it.
TEST_P(LossTest, nan_reaches_the_loss) {
  Rig rig(*backend_, dtype_);
  SoftmaxXent args;
  args.logits = rig.in_acc(Values{0, std::nan(""), 0, 1, 2, 3}, {2, 3});
  args.labels = rig.in(Ints{0, 2}, {2});
  const LossResult got = run(rig, args, false, 2, 3, {});
  EXPECT_TRUE(std::isnan(got.losses[0]));
  EXPECT_TRUE(std::isfinite(got.losses[1]));
}

TEST_P(LossTest, bounds_bite) {
  Rig rig(*backend_, dtype_);
  const Values logits = Random(1).reals(35, dtype_, -2, 2), weights = Random(2).reals(5, dtype_, 0.5, 2);
  Ints labels = {0, 1, 2, 3, 4, 0, 1};
  SoftmaxXent args;
  args.logits = rig.in_acc(logits, {7, 5});
  args.labels = rig.in(labels, {7});
  args.smoothing = 0.1;
  const LossResult got = run(rig, args, true, 7, 5, weights);
  const oracle::Matrix matrix(7, 5, logits);
  EXPECT_TRUE(near(got.losses, oracle::softmax_xent(matrix, labels, weights, 0.1, 1).losses, bound(5)));
  EXPECT_FALSE(near(got.losses, oracle::softmax_xent(matrix, labels, {}, 0.1, 1).losses, bound(5)));
  EXPECT_FALSE(near(got.losses, oracle::softmax_xent(matrix, labels, weights, 0.1001, 1).losses, bound(5)));
  labels[6] = 2;
  EXPECT_FALSE(near(got.dlogits, oracle::softmax_xent(matrix, labels, weights, 0.1, 1).dlogits.values,
                    gradient_bound(5)));
}

}  // namespace
}  // namespace sluice
