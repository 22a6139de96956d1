// Classes of the ASCII characters, from one table. White space here includes every control character: a
// control character in a text separates words, whatever it once meant.
#pragma once

#include <array>
#include <cstdint>

namespace sluice::ascii {

enum Class : std::uint8_t { kHigh = 0, kSpace = 1, kLetter = 2, kDigit = 4, kUnderscore = 8, kPunct = 16 };

inline constexpr std::array<std::uint8_t, 256> kClass = [] {
  std::array<std::uint8_t, 256> table{};  // bytes >= 0x80 stay kHigh
  for (unsigned c = 0; c < 0x80; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    const bool space = c <= 0x20 || c == 0x7f;
    table[c] = letter ? kLetter : digit ? kDigit : space ? kSpace : c == '_' ? kUnderscore | kPunct : kPunct;
  }
  return table;
}();

constexpr bool is(char c, std::uint8_t classes) {
  return (kClass[static_cast<unsigned char>(c)] & classes) != 0;
}
constexpr bool is_space(char c) {
  return is(c, kSpace);
}
constexpr bool is_alnum(char c) {
  return is(c, kLetter | kDigit);
}
constexpr bool is_high(char c) {
  return (static_cast<unsigned char>(c) & 0x80) != 0;
}
constexpr char lower(char c) {
  const auto u = static_cast<unsigned char>(c);
  return static_cast<char>(u | (static_cast<unsigned>(u - 'A') < 26u ? 0x20u : 0u));
}

}  // namespace sluice::ascii
