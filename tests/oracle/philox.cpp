#include "tests/oracle/philox.h"

#include <cmath>

namespace oracle {

std::array<uint32_t, 4> philox4x32_10(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 1; round <= 10; ++round) {
    const uint64_t left = 0xD2511F53ull * counter[0];
    const uint64_t right = 0xCD9E8D57ull * counter[2];
    const auto high = [](uint64_t product) { return static_cast<uint32_t>(product >> 32); };
    const auto low = [](uint64_t product) { return static_cast<uint32_t>(product & 0xffffffffull); };
    counter = {high(right) ^ counter[1] ^ key[0], low(right), high(left) ^ counter[3] ^ key[1], low(left)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return counter;
}

bool dropped(const MaskPlace& place, double p) {
  const std::array<uint32_t, 4> counter = {place.unit / 4, place.row, place.t, place.step * 256 + place.site};
  const std::array<uint32_t, 2> key = {static_cast<uint32_t>(place.seed & 0xffffffffull),
                                       static_cast<uint32_t>(place.seed >> 32)};
  const double word = philox4x32_10(counter, key)[place.unit % 4];
  return word < std::floor(p * 4294967296.0);
}

}  // namespace oracle
