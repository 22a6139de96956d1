// What only backends with storage types of 16 bits have: conversions, and verbs that read one type and write
// another.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/backends/cases.h"
#include "tests/backends/rig.h"

namespace sluice {
namespace {

std::vector<TestCase> half_cases() {
  std::vector<TestCase> cases;
  for (const TestCase& c : for_each_dtype())
    if (is_half(c.dtype)) cases.push_back(c);
  return cases;
}

class Half : public BackendTest {};
INSTANTIATE_TEST_SUITE_P(, Half, testing::ValuesIn(half_cases()), name_of_param);

// Numbers of every size, and what rounding finds hard: ties, subnormals, overflow, what is not finite.
Values hard_numbers(size_t count, DType dtype) {
  Values values = {
      0,        -0.0,   1 + 0x1p-8, 1 + 0x1.8p-8, 1 + 0x1p-11,    1 + 0x1.8p-11, 65504,   65519,
      65520,    -65520, 0x1p-24,    0x1p-25,      0x1.000002p-25, -0x1.8p-25,    0x1p-14, 0x1.ffcp-15,
      0x1p-133, 3.4e38, 1e-40,      HUGE_VAL,     -HUGE_VAL,      std::nan("")};
  Random random(count);
  while (values.size() < count)
    values.push_back(
        rounded_to(DType::f32, std::ldexp(random.reals(1, DType::f64)[0], random.ints(1, -40, 20)[0])));
  values.resize(count);
  EXPECT_TRUE(is_half(dtype));
  return values;
}

TEST_P(Half, conversion_rounds_to_nearest) {
  for (int n : {0, 1, 7, 8, 31, 1000}) {
    Rig rig(*backend_, dtype_);
    const Values x = hard_numbers(static_cast<size_t>(n), dtype_);
    const Tensor to = rig.out({n});
    backend_->convert({rig.in_as(DType::f32, x, {n}), to});
    EXPECT_TRUE(near(rig.get(to), rounded_to(dtype_, x), tolerance::exact())) << n;
  }
}

TEST_P(Half, conversion_takes_any_address) {
  Rig rig(*backend_, dtype_);
  const Values x = hard_numbers(41, dtype_);
  const Tensor from = rig.in_as(DType::f32, x, {41}), to = rig.out({41});
  const auto after = [](Tensor tensor, int64_t skip) {
    return Tensor(static_cast<char*>(tensor.data) + static_cast<size_t>(skip) * size_of(tensor.dtype),
                  tensor.dtype, {tensor.size() - skip});
  };
  backend_->convert({after(from, 1), after(to, 1)});
  Values got = rig.get(to), want = rounded_to(dtype_, x);
  EXPECT_TRUE(std::isnan(got[0])) << "written before its start";
  got.erase(got.begin());
  want.erase(want.begin());
  EXPECT_TRUE(near(got, want, tolerance::exact()));
}

TEST_P(Half, gather_rounds_rows_of_an_f32_table) {
  for (int E : {1, 5, 8, 24}) {
    Rig rig(*backend_, dtype_);
    const Values table = hard_numbers(static_cast<size_t>(9 * E), dtype_);
    const Ints ids = Random(1).ints(50, 0, 8);
    const Tensor y = rig.out({50, E});
    backend_->gather({rig.in_as(DType::f32, table, {9, E}), rig.in(ids, {50}), y});
    Values want;
    for (int32_t id : ids) want.insert(want.end(), table.begin() + id * E, table.begin() + (id + 1) * E);
    EXPECT_TRUE(near(rig.get(y), rounded_to(dtype_, want), tolerance::exact())) << E;
  }
}

// Sums that 16 bits cannot hold reach f32 whole.
TEST_P(Half, segment_sum_into_f32_is_not_rounded) {
  bool shows = false;
  for (int E : {1, 5, 8, 24}) {
    Rig rig(*backend_, dtype_);
    const Values x = Random(2).whole(static_cast<size_t>(30 * E), 100, 250);
    const Tensor y = rig.out_as(DType::f32, {2, E});
    Ints rows;
    for (int r = 0; r < 30; ++r) rows.push_back(r);
    backend_->segment_sum({rig.in(x, {30, E}), rig.in(Ints{0, 13, 30}, {3}), rig.in(rows, {30}), y});
    Values want(static_cast<size_t>(2 * E), 0.0);
    for (size_t r = 0; r < 30; ++r)
      for (size_t e = 0; e < static_cast<size_t>(E); ++e)
        want[(r < 13 ? 0 : static_cast<size_t>(E)) + e] += x[r * static_cast<size_t>(E) + e];
    EXPECT_TRUE(same_bits(rig.get(y), want)) << E;
    shows = shows || !same_bits(rounded_to(dtype_, want), want);
  }
  EXPECT_TRUE(shows) << "no sum that 16 bits cannot hold";
}

TEST_P(Half, verbs_refuse_other_types) {
  Rig rig(*backend_, dtype_);
  const auto half = [&](std::initializer_list<int64_t> dims) { return rig.out(dims); };
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return rig.out_as(DType::f32, dims); };
  const auto f64 = [&](std::initializer_list<int64_t> dims) { return rig.out_as(DType::f64, dims); };
  const Tensor ids = rig.in(Ints{0, 1, 2}, {3});
  EXPECT_THROW(backend_->convert({half({4}), f32({4})}), Failure);
  EXPECT_THROW(backend_->convert({f64({4}), half({4})}), Failure);
  EXPECT_THROW(backend_->gather({f64({5, 2}), ids, half({3, 2})}), Failure);
  EXPECT_THROW(backend_->gather({half({5, 2}), ids, f32({3, 2})}), Failure);
  EXPECT_THROW(backend_->scatter_add({half({3, 2}), ids, half({9, 2})}), Failure);
  EXPECT_THROW(backend_->linear_forward({half({4, 3}), half({2, 3}), half({2}), f32({4, 2})}), Failure);
  EXPECT_THROW(backend_->linear_forward({half({4, 3}), half({2, 3}), f32({2}), half({4, 2})}), Failure);
  EXPECT_THROW(backend_->linear_forward({half({4, 3}), f32({2, 3}), f32({2}), f32({4, 2})}), Failure);
  EXPECT_THROW(backend_->linear_backward(
                   {half({4, 3}), half({2, 3}), half({4, 2}), half({4, 3}), half({2, 3}), f32({2})}),
               Failure);
  EXPECT_THROW(backend_->linear_backward(
                   {half({4, 3}), half({2, 3}), f32({4, 2}), half({4, 3}), f32({2, 3}), f32({2})}),
               Failure);
  EXPECT_THROW(backend_->sum_squares({half({4}), f64({1})}), Failure);
  EXPECT_THROW(backend_->adam({{}, half({4}), half({4}), half({4}), half({4}), f64({1})}), Failure);
}

}  // namespace
}  // namespace sluice
