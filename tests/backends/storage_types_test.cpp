// bf16 and f16 as the host converts them, against the formats' definitions.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/backends/rig.h"

namespace sluice {
namespace {

template <class T>
class StorageTypes : public testing::Test {};
struct Names {
  template <class T>
  static std::string GetName(int) {
    return name_of(DTypeOf<T>::value);
  }
};
using Types = testing::Types<bf16, f16>;
TYPED_TEST_SUITE(StorageTypes, Types, Names);

template <class T>
T from_bits(unsigned bits) {
  T value;
  value.bits = static_cast<uint16_t>(bits);
  return value;
}

// sign, exponent and fraction read off the bits.
double by_definition(DType dtype, unsigned bits) {
  const int fraction_bits = dtype == DType::bf16 ? 7 : 10, bias = dtype == DType::bf16 ? 127 : 15;
  const int exponents = dtype == DType::bf16 ? 255 : 31;
  const int exponent = static_cast<int>(bits >> fraction_bits) & exponents;
  const double fraction = std::ldexp(bits & ((1u << fraction_bits) - 1), -fraction_bits);
  const double sign = bits & 0x8000u ? -1 : 1;
  if (exponent == exponents) return fraction != 0 ? std::nan("") : sign * HUGE_VAL;
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}

TYPED_TEST(StorageTypes, every_pattern_widens_to_what_it_means_and_back) {
  for (unsigned bits = 0; bits < 0x10000u; ++bits) {
    const TypeParam value = from_bits<TypeParam>(bits);
    const auto wide = static_cast<float>(value);
    const double want = by_definition(DTypeOf<TypeParam>::value, bits);
    if (std::isnan(want)) {
      EXPECT_TRUE(std::isnan(wide)) << bits;
      EXPECT_TRUE(std::isnan(static_cast<float>(TypeParam(wide)))) << bits;
      continue;
    }
    EXPECT_EQ(static_cast<double>(wide), want) << bits;
    EXPECT_EQ(TypeParam(wide).bits, bits);
  }
}

// Between each two neighbours: just below the middle, the middle, just above.
TYPED_TEST(StorageTypes, rounds_to_the_nearest_ties_to_even) {
  constexpr DType kType = DTypeOf<TypeParam>::value;
  for (unsigned bits = 0; bits < 0x8000u; ++bits) {
    const double low = by_definition(kType, bits), high = by_definition(kType, bits + 1);
    if (!std::isfinite(low)) continue;
    const double top = std::ldexp(1.0, kType == DType::f16 ? 16 : 128);  // what infinity stands for here
    const double middle = (low + (std::isfinite(high) ? high : top)) / 2;
    const auto at = static_cast<float>(middle);
    for (float x : {std::nextafter(at, 0.0f), at, std::nextafter(at, HUGE_VALF)})
      for (float sign : {1.0f, -1.0f})
        EXPECT_EQ(static_cast<double>(static_cast<float>(TypeParam(sign * x))),
                  rounded_to(kType, static_cast<double>(sign * x)))
            << x;
  }
}

}  // namespace
}  // namespace sluice
