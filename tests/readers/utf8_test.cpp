#include "host/readers/utf8.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sluice {
namespace {

using namespace std::string_literals;

constexpr std::size_t kGood = std::string_view::npos;

std::string mended(const std::string& bytes) {
  std::string out;
  append_mended_utf8(bytes, out);
  return out;
}

// A character by the definition of UTF-8, for any number up to 21 bits, surrogates too.
std::string encoded(std::uint32_t c) {
  const auto byte = [](std::uint32_t b) { return static_cast<char>(b); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | c >> 6), byte(0x80 | (c & 63))};
  if (c < 0x10000) return {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 63)), byte(0x80 | (c & 63))};
  return {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 63)), byte(0x80 | (c >> 6 & 63)),
          byte(0x80 | (c & 63))};
}

TEST(Utf8, AcceptsEveryCharacterButNulAndSurrogates) {
  for (std::uint32_t c = 0; c < 0x1FFFFF; ++c) {
    const bool good = c != 0 && c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
    ASSERT_EQ(find_bad_utf8(encoded(c)) == kGood, good) << c;
  }
}

TEST(Utf8, FindsTheFirstBadByteAtAnyOffset) {
  for (const std::string& bad : {"\0"s, "\x80"s, "\xC0\x80"s, "\xC1\xBF"s, "\xE0\x80\x80"s,
                                 "\xF5\x80\x80\x80"s, "\xC3"s, "\xE2\x82"s, "\xF0\x9F\x98"s, "\xFF"s}) {
    for (std::size_t before = 0; before < 20; ++before) {
      EXPECT_EQ(find_bad_utf8(std::string(before, 'a') + bad), before);
      EXPECT_EQ(find_bad_utf8(std::string(before, 'a') + bad + std::string(20, 'z')), before);
    }
  }
  EXPECT_EQ(find_bad_utf8("\xC3\xA9t\xC3\xA9"), kGood);
  EXPECT_EQ(find_bad_utf8(""), kGood);
}

TEST(Utf8, MendsMaximalSubparts) {
  // The example of Unicode 15, table 3-11: each maximal subpart of an ill-formed sequence becomes one U+FFFD.
  EXPECT_EQ(mended("a\xF1\x80\x80\xE1\x80\xC2"
                   "b\x80"
                   "c\x80\xBF"
                   "d"),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  EXPECT_EQ(mended("\xED\xA0\x80"),
            "\uFFFD\uFFFD\uFFFD");  // a surrogate: no byte of it may begin a character
  EXPECT_EQ(mended("a\0b"s), "a\uFFFDb");
  EXPECT_EQ(mended("caf\xC3\xA9"), "caf\xC3\xA9");
}

TEST(Utf8, MendedTextIsAlwaysGood) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random() % 4 == 0 ? random() % 256 : 0x80 + random() % 0x78);
    EXPECT_EQ(find_bad_utf8(mended(bytes)), kGood);
  }
}

TEST(Utf8, PrefixEndsBetweenCharacters) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC";  // 1, 2 and 3 bytes
  EXPECT_EQ(utf8_prefix(text, 0), "");
  EXPECT_EQ(utf8_prefix(text, 1), "a");
  EXPECT_EQ(utf8_prefix(text, 2), "a");
  EXPECT_EQ(utf8_prefix(text, 3), "a\xC3\xA9");
  EXPECT_EQ(utf8_prefix(text, 5), "a\xC3\xA9");
  EXPECT_EQ(utf8_prefix(text, 6), text);
  EXPECT_EQ(utf8_prefix(text, 100), text);
}

}  // namespace
}  // namespace sluice
