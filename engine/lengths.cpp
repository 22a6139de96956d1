#include "engine/lengths.h"

#include <cstdio>

#include "engine/error.h"
#include "kernels/core/philox.h"

namespace sluice {

std::vector<int> draw_lengths(const std::string& specification, int count, uint64_t seed) {
  int low = 0, high = 0, used = 0;
  const char* text = specification.c_str();
  const auto whole = static_cast<int>(specification.size());
  if (sscanf(text, "fixed:%d%n", &low, &used) == 1 && used == whole)
    high = low;
  else if (sscanf(text, "uniform:%d:%d%n", &low, &high, &used) != 2 || used != whole)
    throw UserError("--lengths: '{}' is neither fixed:N nor uniform:LOW:HIGH", specification);
  if (low < 0 || high < low) throw UserError("--lengths: '{}' needs 0 <= LOW <= HIGH", specification);
  std::vector<int> lengths;
  for (int i = 0; i < count; ++i) {
    const uint64_t word = philox(seed, static_cast<uint32_t>(i), 0, 0, 0).word[0];
    lengths.push_back(low + static_cast<int>(word * static_cast<uint64_t>(high - low + 1) >> 32));
  }
  return lengths;
}

}  // namespace sluice
