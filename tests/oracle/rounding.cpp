#include "tests/oracle/rounding.h"

#include <algorithm>
#include <cmath>

namespace oracle {

double rounded(double value, const Format& format) {
  if (format.digits >= kExact.digits || !std::isfinite(value) || value == 0) return value;
  int exponent = 0;
  std::frexp(value, &exponent);  // |value| in [2^(exponent-1), 2^exponent)
  const int unit = std::max(exponent - 1, format.least) - (format.digits - 1);
  const double units = std::ldexp(value, -unit), down = std::floor(units), part = units - down;
  const bool up = part > 0.5 || (part == 0.5 && std::fmod(down, 2.0) != 0);
  const double result = std::ldexp(up ? down + 1 : down, unit);
  return std::abs(result) >= std::ldexp(1.0, format.most + 1) ? std::copysign(HUGE_VAL, value) : result;
}

Vector rounded(Vector values, const Format& format) {
  for (double& value : values) value = rounded(value, format);
  return values;
}

}  // namespace oracle
