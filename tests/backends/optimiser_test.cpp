#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "tests/backends/cases.h"
#include "tests/backends/rig.h"
#include "tests/oracle/optim.h"

namespace sluice {
namespace {

class Optimiser : public BackendTest {
 protected:
  // A handful of roundings of each term; w is a difference, so what it moves by counts beside what it is.
  Bound bound() const { return {12 * tolerance::unit(dtype_), 12 * tolerance::unit(dtype_)}; }
};
INSTANTIATE_TEST_SUITE_P(, Optimiser, testing::ValuesIn(for_each_accumulator()), name_of_param);

constexpr double kScale = 0.625;
constexpr int kUpdates = 4;

AdamConfig adam_config(bool decoupled, int step = 1) {
  return {.learning_rate = 0.03,
          .beta1 = 0.8,
          .beta2 = 0.95,
          .epsilon = 1e-3,
          .weight_decay = 0.2,
          .decoupled = decoupled,
          .step = step};
}
oracle::AdamRule adam_rule(bool decoupled) {
  return {0.03, 0.8, 0.95, 1e-3, 0.2, decoupled};
}

SgdConfig sgd_config(bool nesterov, int step = 1) {
  return {.learning_rate = 0.03, .momentum = 0.8, .weight_decay = 0.2, .nesterov = nesterov, .step = step};
}
oracle::SgdRule sgd_rule(bool nesterov) {
  return {0.03, 0.8, 0.2, nesterov};
}

TEST_P(Optimiser, adam_equals_the_oracle) {
  for (bool decoupled : {true, false})
    for (int n : {0, 1, 17, 1000}) {
      SCOPED_TRACE(testing::Message() << "decoupled " << decoupled << " n " << n);
      Rig rig(*backend_, dtype_);
      Random random(static_cast<uint64_t>(n));
      const auto count = static_cast<size_t>(n);
      Values w = random.reals(count, dtype_), m(count, 0.0), v(count, 0.0);
      const Tensor device_w = rig.inout(w, {n}), device_m = rig.inout(m, {n}), device_v = rig.inout(v, {n});
      for (int step = 1; step <= kUpdates; ++step) {
        const Values g = random.reals(count, dtype_);
        backend_->adam({adam_config(decoupled, step), device_w, rig.in(g, {n}), device_m, device_v,
                        rig.in_as(DType::f64, {kScale}, {1})});
        for (size_t k = 0; k < count; ++k) adam_rule(decoupled).update(w[k], m[k], v[k], kScale * g[k], step);
      }
      EXPECT_TRUE(near(rig.get(device_w), w, bound()));
      EXPECT_TRUE(near(rig.get(device_m), m, bound()));
      EXPECT_TRUE(near(rig.get(device_v), v, bound()));
    }
}

TEST_P(Optimiser, sgd_equals_the_oracle) {
  for (bool nesterov : {true, false})
    for (int n : {0, 1, 17, 1000}) {
      SCOPED_TRACE(testing::Message() << "nesterov " << nesterov << " n " << n);
      Rig rig(*backend_, dtype_);
      Random random(static_cast<uint64_t>(n));
      const auto count = static_cast<size_t>(n);
      Values w = random.reals(count, dtype_), m(count, 0.0);
      const Tensor device_w = rig.inout(w, {n}), device_m = rig.inout(m, {n});
      for (int step = 1; step <= kUpdates; ++step) {
        const Values g = random.reals(count, dtype_);
        backend_->sgd({sgd_config(nesterov, step), device_w, rig.in(g, {n}), device_m,
                       rig.in_as(DType::f64, {kScale}, {1})});
        for (size_t k = 0; k < count; ++k) sgd_rule(nesterov).update(w[k], m[k], kScale * g[k]);
      }
      EXPECT_TRUE(near(rig.get(device_w), w, bound()));
      EXPECT_TRUE(near(rig.get(device_m), m, bound()));
    }
}

// A table of V rows of which each step touches some. `ids` of step s: those r with (r + s) % 3 == 0, from the
// last.
struct Table {
  int V = 11, E = 5;
  Values w, m, v;
  Ints touched = Ints(11, 0);

  explicit Table(DType dtype) : w(Random(1).reals(55, dtype)), m(55, 0.0), v(55, 0.0) {}

  static Ints ids(int step, int V) {
    Ints result;
    for (int r = V - 1; r >= 0; --r)
      if ((r + step) % 3 == 0) result.push_back(r);
    return result;
  }
};

template <class Update>
void for_each_touched(Table& table, const Ints& ids, const Values& g, int step, const Update& update) {
  for (size_t k = 0; k < ids.size(); ++k) {
    const auto row = static_cast<size_t>(ids[k]);
    const int missed = step - 1 - table.touched[row];
    for (size_t e = 0; e < 5; ++e)
      update(table.w[row * 5 + e], table.m[row * 5 + e], table.v[row * 5 + e], kScale * g[k * 5 + e], missed);
    table.touched[row] = step;
  }
}

TEST_P(Optimiser, lazy_adam_equals_the_oracle) {
  for (const auto& given : {std::pair(true, false), {false, false}, {true, true}}) {
    const bool decoupled = given.first, keep_idle = given.second;
    SCOPED_TRACE(decoupled);
    SCOPED_TRACE(keep_idle);
    Rig rig(*backend_, dtype_);
    Random random(2);
    Table table(dtype_);
    const Tensor w = rig.inout(table.w, {11, 5}), m = rig.inout(table.m, {11, 5}),
                 v = rig.inout(table.v, {11, 5});
    const Tensor touched = rig.inout(table.touched, {11});
    const oracle::AdamRule rule = adam_rule(decoupled);
    for (int step : {1, 2, 3, 4, 8, 9, 15}) {  // some steps touch no row of this table at all
      const Ints ids = Table::ids(step, table.V);
      const auto count = static_cast<int64_t>(ids.size());
      const Values g = random.reals(ids.size() * 5, dtype_);
      AdamConfig config = adam_config(decoupled, step);
      config.keep_idle = keep_idle;
      backend_->adam_rows({config, rig.in(ids, {count}), rig.in(g, {count, 5}), w, m, v, touched,
                           rig.in_as(DType::f64, {kScale}, {1})});
      for_each_touched(
          table, ids, g, step, [&](double& one_w, double& one_m, double& one_v, double g_k, int missed) {
            double decayed_m = one_m, decayed_v = one_v;
            rule.catch_up(one_w, keep_idle ? decayed_m : one_m, keep_idle ? decayed_v : one_v, missed);
            rule.update(one_w, one_m, one_v, g_k, step);
          });
    }
    EXPECT_EQ(rig.get_ints(touched), table.touched);
    EXPECT_TRUE(near(rig.get(w), table.w, bound()));
    EXPECT_TRUE(near(rig.get(m), table.m, bound()));
    EXPECT_TRUE(near(rig.get(v), table.v, bound()));
  }
}

TEST_P(Optimiser, lazy_sgd_equals_the_oracle) {
  for (const auto& given : {std::pair(true, false), {false, false}, {false, true}}) {
    const bool nesterov = given.first, keep_idle = given.second;
    SCOPED_TRACE(nesterov);
    SCOPED_TRACE(keep_idle);
    Rig rig(*backend_, dtype_);
    Random random(2);
    Table table(dtype_);
    const Tensor w = rig.inout(table.w, {11, 5}), m = rig.inout(table.m, {11, 5});
    const Tensor touched = rig.inout(table.touched, {11});
    const oracle::SgdRule rule = sgd_rule(nesterov);
    for (int step : {1, 2, 3, 4, 8, 9, 15}) {
      const Ints ids = Table::ids(step, table.V);
      const auto count = static_cast<int64_t>(ids.size());
      const Values g = random.reals(ids.size() * 5, dtype_);
      SgdConfig config = sgd_config(nesterov, step);
      config.keep_idle = keep_idle;
      backend_->sgd_rows({config, rig.in(ids, {count}), rig.in(g, {count, 5}), w, m, touched,
                          rig.in_as(DType::f64, {kScale}, {1})});
      for_each_touched(table, ids, g, step,
                       [&](double& one_w, double& one_m, double&, double g_k, int missed) {
                         if (!keep_idle) rule.catch_up(one_m, missed);
                         rule.update(one_w, one_m, g_k);
                       });
    }
    EXPECT_EQ(rig.get_ints(touched), table.touched);
    EXPECT_TRUE(near(rig.get(w), table.w, bound()));
    EXPECT_TRUE(near(rig.get(m), table.m, bound()));
  }
}

// Note [Lazy rows]: where every row is touched at every step, lazy equals dense to the bit.
TEST_P(Optimiser, lazy_adam_on_every_row_is_dense_adam) {
  for (bool decoupled : {true, false}) {
    Rig rig(*backend_, dtype_);
    Random random(3);
    const Values start = random.reals(63, dtype_), zeros(63, 0.0);
    const Tensor w1 = rig.inout(start, {9, 7}), m1 = rig.inout(zeros, {9, 7}), v1 = rig.inout(zeros, {9, 7});
    const Tensor w2 = rig.inout(start, {9, 7}), m2 = rig.inout(zeros, {9, 7}), v2 = rig.inout(zeros, {9, 7});
    const Tensor touched = rig.inout(Ints(9, 0), {9}), scale = rig.in_as(DType::f64, {kScale}, {1});
    Ints ids(9);
    std::iota(ids.begin(), ids.end(), 0);
    for (int step = 1; step <= kUpdates; ++step) {
      const Tensor g = rig.in(random.reals(63, dtype_), {9, 7});
      backend_->adam({adam_config(decoupled, step), w1, g, m1, v1, scale});
      backend_->adam_rows({adam_config(decoupled, step), rig.in(ids, {9}), g, w2, m2, v2, touched, scale});
    }
    EXPECT_TRUE(same_bits(rig.get(w1), rig.get(w2)));
    EXPECT_TRUE(same_bits(rig.get(m1), rig.get(m2)));
    EXPECT_TRUE(same_bits(rig.get(v1), rig.get(v2)));
  }
}

TEST_P(Optimiser, lazy_sgd_on_every_row_is_dense_sgd) {
  for (bool nesterov : {true, false}) {
    Rig rig(*backend_, dtype_);
    Random random(3);
    const Values start = random.reals(63, dtype_), zeros(63, 0.0);
    const Tensor w1 = rig.inout(start, {9, 7}), m1 = rig.inout(zeros, {9, 7});
    const Tensor w2 = rig.inout(start, {9, 7}), m2 = rig.inout(zeros, {9, 7});
    const Tensor touched = rig.inout(Ints(9, 0), {9}), scale = rig.in_as(DType::f64, {kScale}, {1});
    Ints ids(9);
    std::iota(ids.begin(), ids.end(), 0);
    for (int step = 1; step <= kUpdates; ++step) {
      const Tensor g = rig.in(random.reals(63, dtype_), {9, 7});
      backend_->sgd({sgd_config(nesterov, step), w1, g, m1, scale});
      backend_->sgd_rows({sgd_config(nesterov, step), rig.in(ids, {9}), g, w2, m2, touched, scale});
    }
    EXPECT_TRUE(same_bits(rig.get(w1), rig.get(w2)));
    EXPECT_TRUE(same_bits(rig.get(m1), rig.get(m2)));
  }
}

TEST_P(Optimiser, bounds_bite) {
  Rig rig(*backend_, dtype_);
  Random random(4);
  const Values start = random.reals(33, dtype_), g = random.reals(33, dtype_);
  const Tensor w = rig.inout(start, {33}), m = rig.inout(Values(33, 0.0), {33}),
               v = rig.inout(Values(33, 0.0), {33});
  backend_->adam({adam_config(true, 1), w, rig.in(g, {33}), m, v, rig.in_as(DType::f64, {kScale}, {1})});
  const auto mutant = [&](oracle::AdamRule rule, double scale, int step) {
    Values result = start;
    for (size_t k = 0; k < 33; ++k) {
      double m_k = 0, v_k = 0;
      rule.update(result[k], m_k, v_k, scale * g[k], step);
    }
    return result;
  };
  const oracle::AdamRule rule = adam_rule(true);
  EXPECT_TRUE(near(rig.get(w), mutant(rule, kScale, 1), bound()));
  EXPECT_FALSE(near(rig.get(w), mutant(rule, kScale, 2), bound()));
  EXPECT_FALSE(near(rig.get(w), mutant(rule, 1, 1), bound()));
  oracle::AdamRule other = rule;
  other.decoupled = false;
  EXPECT_FALSE(near(rig.get(w), mutant(other, kScale, 1), bound()));
  other = rule;
  other.epsilon = 1.1e-3;
  EXPECT_FALSE(near(rig.get(w), mutant(other, kScale, 1), bound()));
}

TEST_P(Optimiser, nothing_changes_where_the_scale_is_nan) {
  Rig rig(*backend_, dtype_);
  Random random(3);
  const Values w = random.reals(55, dtype_), m = random.reals(55, dtype_), v = random.reals(55, dtype_, 0, 1);
  Values g = random.reals(55, dtype_);
  g[7] = std::nan("");
  const Tensor scale = rig.in_as(DType::f64, {std::nan("")}, {1});
  const Ints touched = {1, 2, 0, 1, 2};
  for (bool rows : {false, true}) {
    const std::initializer_list<int64_t> shape = {5, 11};
    const Tensor device_w = rig.inout(w, shape), device_m = rig.inout(m, shape),
                 device_v = rig.inout(v, shape);
    const Tensor ids = rig.in(Ints{4, 0, 2, 1, 3}, {5}), device_touched = rig.inout(touched, {5});
    const Tensor device_g = rig.in(g, shape);
    if (rows) {
      backend_->adam_rows(
          {adam_config(true, 5), ids, device_g, device_w, device_m, device_v, device_touched, scale});
      backend_->sgd_rows({sgd_config(false, 5), ids, device_g, device_w, device_m, device_touched, scale});
    } else {
      backend_->adam({adam_config(true, 5), device_w, device_g, device_m, device_v, scale});
      backend_->sgd({sgd_config(false, 5), device_w, device_g, device_m, scale});
    }
    EXPECT_TRUE(same_bits(rig.get(device_w), w)) << rows;
    EXPECT_TRUE(same_bits(rig.get(device_m), m)) << rows;
    EXPECT_TRUE(same_bits(rig.get(device_v), v)) << rows;
    EXPECT_EQ(rig.get_ints(device_touched), touched) << rows;
  }
}

// Note [Replay] in engine/backend.h: rate and step from the device, ids of -1, and the same bits.
TEST_P(Optimiser, numbers_from_the_device_give_the_same_bits) {
  Rig rig(*backend_, dtype_);
  Random random(4);
  const Values w = random.reals(55, dtype_), m = random.reals(55, dtype_), v = random.reals(55, dtype_, 0, 1),
               g = random.reals(55, dtype_);
  const Ints touched = {1, 2, 0, 1, 2};
  const Tensor scale = rig.in_as(DType::f64, {kScale}, {1}), device_g = rig.in(g, {5, 11});
  const Tensor ids = rig.in(Ints{4, -1, 2, 1, -1}, {5});
  const auto numbers = update_numbers(adam_config(true, 7));
  const Tensor now = rig.in_as(DType::f64, Values(numbers.begin(), numbers.end()), {4});
  std::vector<Values> results[2];
  for (bool from_device : {false, true}) {
    AdamConfig adam = adam_config(true, 7);
    SgdConfig sgd = sgd_config(true, 7);
    if (from_device) {
      adam.learning_rate = sgd.learning_rate = 99;
      adam.step = sgd.step = 1;
    }
    const Tensor given = from_device ? now : Tensor();
    const auto place = [&](const Values& values) { return rig.inout(values, {5, 11}); };
    const Tensor a[] = {place(w), place(m), place(v)}, b[] = {place(w), place(m), place(v)},
                 c[] = {place(w), place(m)}, d[] = {place(w), place(m)};
    const Tensor touched_b = rig.inout(touched, {5}), touched_d = rig.inout(touched, {5});
    backend_->adam({adam, a[0], device_g, a[1], a[2], scale, given});
    backend_->adam_rows({adam, ids, device_g, b[0], b[1], b[2], touched_b, scale, given});
    backend_->sgd({sgd, c[0], device_g, c[1], scale, given});
    backend_->sgd_rows({sgd, ids, device_g, d[0], d[1], touched_d, scale, given});
    for (const Tensor& t : {a[0], a[1], a[2], b[0], b[1], b[2], c[0], c[1], d[0], d[1]})
      results[from_device].push_back(rig.get(t));
    EXPECT_EQ(rig.get_ints(touched_b), (Ints{1, 7, 7, 1, 7})) << "rows 0 and 3 are not named";
    EXPECT_EQ(rig.get_ints(touched_d), (Ints{1, 7, 7, 1, 7}));
  }
  for (size_t k = 0; k < results[0].size(); ++k) EXPECT_TRUE(same_bits(results[1][k], results[0][k])) << k;
  EXPECT_FALSE(same_bits(results[0][0], w));
}

}  // namespace
}  // namespace sluice
