// Well-formed UTF-8, code point by code point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sluice {

// The code point at text[position], which moves on to the next. `text` is well-formed and position <
// text.size().
inline char32_t next_code_point(std::string_view text, std::size_t& position) {
  const auto first = static_cast<unsigned char>(text[position++]);
  if (first < 0x80) return first;
  const int tails = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  char32_t value = first & (0x3fu >> tails);
  for (int i = 0; i < tails; ++i)
    value = (value << 6) | (static_cast<unsigned char>(text[position++]) & 0x3fu);
  return value;
}

inline void append_utf8(char32_t code_point, std::string& out) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto put_tail = [&](int shift) { put(0x80 | ((code_point >> shift) & 0x3f)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | (code_point >> 6));
    put_tail(0);
  } else if (code_point < 0x10000) {
    put(0xe0 | (code_point >> 12));
    put_tail(6);
    put_tail(0);
  } else {
    put(0xf0 | (code_point >> 18));
    put_tail(12);
    put_tail(6);
    put_tail(0);
  }
}

// The index of the first byte >= 0x80, or text.size().
inline std::size_t find_high(std::string_view text) {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if ((word & 0x8080808080808080u) != 0) break;
  }
  while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0x80) == 0) ++i;
  return i;
}

inline bool is_ascii(std::string_view text) {
  return find_high(text) == text.size();
}

}  // namespace sluice
