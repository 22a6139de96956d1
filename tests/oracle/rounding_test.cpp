#include "tests/oracle/rounding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace oracle {
namespace {

TEST(Rounding, f32_is_the_machines) {
  std::mt19937_64 random(1);
  for (int k = 0; k < 20000; ++k) {
    const double value =
        std::ldexp(static_cast<double>(random()) - 0x1p63, static_cast<int>(random() % 280) - 220);
    EXPECT_EQ(rounded(value, kF32), static_cast<double>(static_cast<float>(value))) << value;
  }
}

// Values worked out by hand.
TEST(Rounding, f16_and_bf16_by_hand) {
  EXPECT_EQ(rounded(2049, kF16), 2048);  // a tie, to even
  EXPECT_EQ(rounded(2051, kF16), 2052);
  EXPECT_EQ(rounded(65519, kF16), 65504);
  EXPECT_EQ(rounded(65520, kF16), HUGE_VAL);
  EXPECT_EQ(rounded(-65520, kF16), -HUGE_VAL);
  EXPECT_EQ(rounded(0x1p-24, kF16), 0x1p-24);  // the least subnormal
  EXPECT_EQ(rounded(0x1p-25, kF16), 0);        // a tie, to even
  EXPECT_EQ(rounded(0x1.8p-25, kF16), 0x1p-24);
  EXPECT_EQ(rounded(257, kBf16), 256);
  EXPECT_EQ(rounded(259, kBf16), 260);
  EXPECT_EQ(rounded(1 + 0x1p-8, kBf16), 1);
  EXPECT_EQ(rounded(1 + 0x1.8p-8, kBf16), 1 + 0x1p-7);
  EXPECT_EQ(rounded(3.4e38, kBf16), HUGE_VAL);
  EXPECT_EQ(rounded(-HUGE_VAL, kF16), -HUGE_VAL);
  EXPECT_TRUE(std::isnan(rounded(std::numeric_limits<double>::quiet_NaN(), kBf16)));
}

}  // namespace
}  // namespace oracle
