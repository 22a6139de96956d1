#include "host/readers/utf8.h"

#include <cstdint>
#include <cstring>

namespace sluice {
namespace {

// A sequence at the head of some bytes: well-formed or not, and how many bytes it takes (an ill-formed one:
// its maximal subpart).
struct Sequence {
  bool good;
  std::size_t size;
};

// The allowed second bytes depend on the first: Unicode 15, table 3-7.
Sequence sequence_at(const unsigned char* at, std::size_t left) {
  const unsigned char first = at[0];
  if (first < 0x80) return {first != 0, 1};
  std::size_t size = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    size = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    size = 3;
    if (first == 0xE0) low = 0xA0;   // shorter forms exist
    if (first == 0xED) high = 0x9F;  // surrogates
  } else if (first >= 0xF0 && first <= 0xF4) {
    size = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;  // past U+10FFFF
  } else {
    return {false, 1};
  }
  for (std::size_t i = 1; i < size; ++i) {
    if (i >= left || at[i] < low || at[i] > high) return {false, i};
    low = 0x80;
    high = 0xBF;
  }
  return {true, size};
}

// Length of the head of `at` that is ASCII without NUL, in steps of eight bytes.
std::size_t ascii_run(const unsigned char* at, std::size_t left) {
  constexpr std::uint64_t kHigh = 0x8080808080808080u;
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  std::size_t done = 0;
  while (left - done >= 8) {
    std::uint64_t word;
    std::memcpy(&word, at + done, 8);
    if (((word | (word - kOnes)) & kHigh) != 0) break;  // a high bit, or a zero byte (which borrows one)
    done += 8;
  }
  return done;
}

}  // namespace

std::size_t find_bad_utf8(std::string_view bytes) {
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t at = 0;
  while (at < bytes.size()) {
    at += ascii_run(data + at, bytes.size() - at);
    if (at == bytes.size()) break;
    const Sequence sequence = sequence_at(data + at, bytes.size() - at);
    if (!sequence.good) return at;
    at += sequence.size;
  }
  return std::string_view::npos;
}

void append_mended_utf8(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const std::size_t bad = find_bad_utf8(bytes);
    out.append(bytes.substr(0, bad));
    if (bad == std::string_view::npos) return;
    bytes.remove_prefix(bad);
    bytes.remove_prefix(sequence_at(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()).size);
    out.append("\xEF\xBF\xBD");
  }
}

std::string_view utf8_prefix(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return text.substr(0, limit);
}

}  // namespace sluice
