// The tables of each instruction set this processor has, against plain loops.
#include "engine/backends/cpu/isa.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/backends/cpu/gemm.h"

namespace sluice::cpu {
namespace {

std::vector<const IsaTable*> tables() {
  std::vector<const IsaTable*> result;
  for (const char* name : {"baseline", "avx2", "avx512"})
    if (const IsaTable* table = isa_table_named(name)) result.push_back(table);
  return result;
}

template <class T>
std::vector<T> random_values(size_t count, uint32_t seed, double range = 1) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<double> uniform(-range, range);
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(uniform(engine));
  return values;
}

template <class T>
class CpuIsa : public testing::Test {
 protected:
  static constexpr double kBound = sizeof(T) == 4 ? 3e-6 : 1e-13;
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(CpuIsa, Reals);

double logistic(double x) {
  return 1 / (1 + std::exp(-x));
}

// Sums far outside the range of exp as well: gates must saturate, not overflow.
TYPED_TEST(CpuIsa, lstm_forward) {
  using T = TypeParam;
  for (const IsaTable* table : tables())
    for (size_t n : {1, 7, 16, 33}) {
      auto x = random_values<T>(4 * n, 1, 3), h_pre = random_values<T>(4 * n, 2, 3),
           b = random_values<T>(4 * n, 3);
      x[0] = T(200);
      x[n - 1] = T(-200);
      const auto c_prev = random_values<T>(n, 4, 2);
      std::vector<T> gates(4 * n), c = c_prev, h(n), c_saved(n), y(n);
      table->of<T>().cell_forward[static_cast<int>(CellKind::lstm)]({.n = static_cast<int64_t>(n),
                                                                     .x_pre = x.data(),
                                                                     .h_pre = h_pre.data(),
                                                                     .bias = b.data(),
                                                                     .slots = gates.data(),
                                                                     .c = c.data(),
                                                                     .h = h.data(),
                                                                     .c_saved = c_saved.data(),
                                                                     .y = y.data()});
      for (size_t j = 0; j < n; ++j) {
        const auto pre = [&](size_t q) {
          return static_cast<double>(x[q * n + j]) + static_cast<double>(h_pre[q * n + j]) +
                 static_cast<double>(b[q * n + j]);
        };
        const double i = logistic(pre(0)), f = logistic(pre(1)), g = std::tanh(pre(2)), o = logistic(pre(3));
        const double want_c = f * static_cast<double>(c_prev[j]) + i * g;
        EXPECT_NEAR(static_cast<double>(gates[j]), i, this->kBound) << table->name;
        EXPECT_NEAR(static_cast<double>(gates[n + j]), f, this->kBound) << table->name;
        EXPECT_NEAR(static_cast<double>(gates[2 * n + j]), g, this->kBound) << table->name;
        EXPECT_NEAR(static_cast<double>(gates[3 * n + j]), o, this->kBound) << table->name;
        EXPECT_NEAR(static_cast<double>(c[j]), want_c, this->kBound) << table->name;
        EXPECT_NEAR(static_cast<double>(h[j]), o * std::tanh(want_c), this->kBound) << table->name;
        EXPECT_EQ(c[j], c_saved[j]);
        EXPECT_EQ(h[j], y[j]);
      }
    }
}

TYPED_TEST(CpuIsa, products_of_odd_sizes) {
  using T = TypeParam;
  for (const IsaTable* table : tables())
    for (const auto& [m, n, k] : {std::array{1, 1, 1}, {3, 5, 7}, {4, 32, 256}, {9, 33, 300}, {5, 3, 0}})
      for (int mode = 0; mode < 8; ++mode) {
        const bool ta = mode & 1, tb = mode & 2, add = mode & 4;
        const int lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 1, ldc = n + 3;
        const auto a = random_values<T>(static_cast<size_t>((ta ? k : m) * lda + 1), 1);
        const auto b = random_values<T>(static_cast<size_t>((tb ? n : k) * ldb + 1), 2);
        auto c = random_values<T>(static_cast<size_t>(m * ldc), 3);
        const auto before = c;
        table->of<T>().gemm({.transpose_a = ta,
                             .transpose_b = tb,
                             .m = m,
                             .n = n,
                             .k = k,
                             .a = a.data(),
                             .lda = lda,
                             .b = b.data(),
                             .ldb = ldb,
                             .c = c.data(),
                             .ldc = ldc,
                             .accumulate = add});
        for (int i = 0; i < m; ++i)
          for (int j = 0; j < ldc; ++j) {
            const auto at = static_cast<size_t>(i * ldc + j);
            if (j >= n) {
              EXPECT_EQ(c[at], before[at]) << "beyond the matrix";
              continue;
            }
            double sum = add ? static_cast<double>(before[at]) : 0;
            for (int l = 0; l < k; ++l)
              sum += static_cast<double>(a[static_cast<size_t>(ta ? l * lda + i : i * lda + l)]) *
                     static_cast<double>(b[static_cast<size_t>(tb ? j * ldb + l : l * ldb + j)]);
            EXPECT_NEAR(static_cast<double>(c[at]), sum, 10 * this->kBound)
                << table->name << " mode " << mode;
          }
      }
}

TYPED_TEST(CpuIsa, maxima_keep_the_earliest_row_and_the_first_nan) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  for (const IsaTable* table : tables())
    for (size_t shift = 0; shift < 16; ++shift) {  // each case in each lane
      const std::vector<T> seen = {T(1), T(1), T(1), nan, T(1), -T(0)},
                           now = {T(2), T(1), nan, T(5), T(0), T(0)};
      const std::vector<int32_t> want = {9, 4, 9, 4, 4, 4};
      std::vector<T> y(shift, T(3)), x(shift, T(2));
      std::vector<int32_t> best(shift + seen.size(), 4);
      y.insert(y.end(), seen.begin(), seen.end());
      x.insert(x.end(), now.begin(), now.end());
      table->of<T>().take_max(static_cast<int64_t>(y.size()), x.data(), 9, y.data(), best.data());
      EXPECT_EQ(std::vector<int32_t>(best.begin() + static_cast<std::ptrdiff_t>(shift), best.end()), want)
          << table->name;
      EXPECT_EQ(y[shift], T(2));
      EXPECT_TRUE(std::isnan(y[shift + 2]));
    }
}

// A lazily updated row falls elsewhere in a vector than in a dense update: the bits must not show it.
TYPED_TEST(CpuIsa, adam_rounds_alike_at_every_place_of_a_vector) {
  using T = TypeParam;
  constexpr size_t kCount = 61;
  const AdamStep<T> step{T(0.7), T(0.01), T(0.999), T(0.9), T(0.999), T(1e-3), T(1.7), T(1e-8)};
  for (const IsaTable* table : tables()) {
    auto w = random_values<T>(kCount, 1), m = random_values<T>(kCount, 2), v = random_values<T>(kCount, 3);
    const auto g = random_values<T>(kCount, 4);
    for (T& value : v) value = std::abs(value);
    auto w1 = w, m1 = m, v1 = v;
    table->of<T>().adam(kCount, step, w.data(), g.data(), m.data(), v.data());
    for (size_t j = 0; j < kCount; ++j)
      table->of<T>().adam(1, step, w1.data() + j, g.data() + j, m1.data() + j, v1.data() + j);
    EXPECT_EQ(w, w1) << table->name;
    EXPECT_EQ(m, m1) << table->name;
    EXPECT_EQ(v, v1) << table->name;
  }
}

TEST(CpuIsaMasks, are_philox_on_every_instruction_set) {
  const MaskStream masks{0x123456789abcdefULL, 77, 5};
  for (const IsaTable* table : tables()) {
    std::vector<uint32_t> words(4 * 19);
    table->mask_words(masks, 19, 11, 3, words.data());
    for (uint32_t unit = 0; unit < words.size(); ++unit)
      ASSERT_EQ(words[unit], masks.word(unit, 11, 3)) << table->name << " unit " << unit;
  }
}

TEST(CpuIsaTable, is_the_best_one_the_processor_has) {
  EXPECT_EQ(isa_table_named("sse9"), nullptr);
  EXPECT_NE(isa_table_named("baseline"), nullptr);
  if (!getenv("SLUICE_ISA")) {
    EXPECT_STREQ(isa_table().name, tables().back()->name);
  }
}

}  // namespace
}  // namespace sluice::cpu
