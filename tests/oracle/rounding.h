// Rounding to storage types, from the definitions of the formats.
#pragma once

#include "tests/oracle/matrix.h"

namespace oracle {

// A binary floating-point format: `digits` significant bits, normal numbers from 2^least up to below 2^(most
// + 1).
struct Format {
  int digits = 53, least = -1022, most = 1023;
};
inline constexpr Format kExact = {};
inline constexpr Format kF32 = {24, -126, 127};
inline constexpr Format kBf16 = {8, -126, 127};
inline constexpr Format kF16 = {11, -14, 15};

// To the nearest number of the format, ties to even; subnormals included; infinite beyond.
double rounded(double value, const Format& format);
Vector rounded(Vector values, const Format& format);

}  // namespace oracle
