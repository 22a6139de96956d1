#include <gmock/gmock.h>

#include "tests/backends/cases.h"
#include "tests/backends/rig.h"
#include "tests/oracle/layers.h"

namespace sluice {
namespace {

class Linear : public BackendTest {};
INSTANTIATE_TEST_SUITE_P(, Linear, testing::ValuesIn(for_each_dtype()), name_of_param);

struct LinearProblem {
  int M, C, K;
  Values x, W, b, dy, dW0, db0;

  LinearProblem(int m, int c, int k, DType dtype, bool whole = false) : M(m), C(c), K(k) {
    Random random(static_cast<uint64_t>(m + 100 * c + 10000 * k));
    const auto draw = [&](int count) {
      const auto n = static_cast<size_t>(count);
      return whole ? random.whole(n, -9, 9) : random.reals(n, dtype);
    };
    x = draw(M * C);
    W = draw(K * C);
    b = draw(K);
    dy = draw(M * K);
    dW0 = draw(K * C);
    db0 = draw(K);
  }
};

struct Result {
  Values y, dx, dW, db;
};

Result run(Rig& rig, const LinearProblem& p, bool with_dx = true, int64_t bias_offset = 0) {
  const Tensor x = rig.in(p.x, {p.M, p.C}), W = rig.in(p.W, {p.K, p.C}), y = rig.out_acc({p.M, p.K});
  Values b(static_cast<size_t>(bias_offset));
  b.insert(b.end(), p.b.begin(), p.b.end());
  Tensor bias = rig.in_acc(b, {bias_offset + p.K});
  bias.data = static_cast<char*>(bias.data) + bias_offset * static_cast<int64_t>(size_of(bias.dtype));
  bias.dims[0] = p.K;
  rig.backend().linear_forward({x, W, bias, y});
  const Tensor dx = with_dx ? rig.out({p.M, p.C}) : Tensor();
  const Tensor dW = rig.inout_acc(p.dW0, {p.K, p.C}), db = rig.inout_acc(p.db0, {p.K});
  rig.backend().linear_backward({x, W, rig.in(p.dy, {p.M, p.K}), dx, dW, db});
  return {rig.get(y), with_dx ? rig.get(dx) : Values(), rig.get(dW), rig.get(db)};
}

Result run_oracle(const LinearProblem& p) {
  const auto M = static_cast<size_t>(p.M), C = static_cast<size_t>(p.C), K = static_cast<size_t>(p.K);
  const oracle::Matrix x(M, C, p.x), W(K, C, p.W), dy(M, K, p.dy);
  oracle::LinearGradients g = oracle::linear_backward(x, W, dy);
  for (size_t k = 0; k < g.dW.values.size(); ++k) g.dW.values[k] += p.dW0[k];
  for (size_t k = 0; k < K; ++k) g.db[k] += p.db0[k];
  return {oracle::linear(x, W, p.b).values, g.dx.values, g.dW.values, g.db};
}

const int kShapes[][3] = {{1, 1, 1},  {0, 4, 3},   {5, 1, 17},  {1, 33, 2},
                          {7, 17, 5}, {64, 64, 8}, {33, 65, 9}, {130, 24, 41}};

TEST_P(Linear, equals_the_oracle) {
  for (const auto& [M, C, K] : kShapes) {
    SCOPED_TRACE(testing::Message() << "M " << M << " C " << C << " K " << K);
    Rig rig(*backend_, dtype_);
    const LinearProblem p(M, C, K, dtype_);
    const Result got = run(rig, p), want = run_oracle(p);
    EXPECT_TRUE(near(got.y, want.y, tolerance::sum(acc_, C)));
    EXPECT_TRUE(near(got.dx, want.dx, tolerance::sum(dtype_, K)));
    EXPECT_TRUE(near(got.dW, want.dW, tolerance::sum(acc_, M)));
    EXPECT_TRUE(near(got.db, want.db, tolerance::sum(acc_, M)));
  }
}

// Products and sums of small whole numbers are exact in any order; what is stored of them is rounded once.
TEST_P(Linear, small_whole_numbers_are_exact) {
  for (const auto& [M, C, K] : kShapes) {
    SCOPED_TRACE(testing::Message() << "M " << M << " C " << C << " K " << K);
    Rig rig(*backend_, dtype_);
    const LinearProblem p(M, C, K, dtype_, true);
    const Result got = run(rig, p), want = run_oracle(p);
    EXPECT_TRUE(near(got.y, want.y, tolerance::exact()));
    EXPECT_TRUE(near(got.dx, rounded_to(dtype_, want.dx), tolerance::exact()));
    EXPECT_TRUE(near(got.dW, want.dW, tolerance::exact()));
    EXPECT_TRUE(near(got.db, want.db, tolerance::exact()));
  }
}

TEST_P(Linear, bias_may_lie_anywhere) {
  Rig rig(*backend_, dtype_);
  const LinearProblem p(7, 17, 5, dtype_);
  EXPECT_TRUE(near(run(rig, p, true, 1).y, run_oracle(p).y, tolerance::sum(acc_, 17)));
}

TEST_P(Linear, gradient_of_the_input_may_be_left_out) {
  Rig rig(*backend_, dtype_);
  const LinearProblem p(7, 17, 5, dtype_);
  const Result got = run(rig, p, false), want = run(rig, p);
  EXPECT_TRUE(same_bits(got.dW, want.dW));
  EXPECT_TRUE(same_bits(got.db, want.db));
}

TEST_P(Linear, bounds_bite) {
  Rig rig(*backend_, dtype_);
  const LinearProblem p(33, 65, 9, dtype_);
  const Result got = run(rig, p);
  LinearProblem no_bias = p;
  no_bias.b.assign(no_bias.b.size(), 0.0);
  EXPECT_FALSE(near(got.y, run_oracle(no_bias).y, tolerance::sum(acc_, 65)));
  LinearProblem one_row_less = p;
  std::fill_n(one_row_less.dy.begin(), 9, 0.0);
  EXPECT_FALSE(near(got.dW, run_oracle(one_row_less).dW, tolerance::sum(acc_, 33)));
  EXPECT_FALSE(near(got.db, run_oracle(one_row_less).db, tolerance::sum(acc_, 33)));
  LinearProblem overwritten = p;  // as if += were =
  overwritten.dW0.assign(overwritten.dW0.size(), 0.0);
  EXPECT_FALSE(near(got.dW, run_oracle(overwritten).dW, tolerance::sum(acc_, 33)));
  LinearProblem slightly_off = p;  // one weight by 64 units: far below what a plot would show
  slightly_off.W[3] *= 1 + 4096 * tolerance::unit(dtype_);
  EXPECT_FALSE(near(got.y, run_oracle(slightly_off).y, tolerance::sum(acc_, 65)));
  LinearProblem one_class_off = p;  // one weight by a hundredth: seen through what dx is stored in
  one_class_off.W[3] += 0.01;
  EXPECT_FALSE(near(got.dx, run_oracle(one_class_off).dx, tolerance::sum(dtype_, 9)));
}

}  // namespace
}  // namespace sluice
