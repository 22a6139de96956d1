// What the text pipeline needs of Unicode, through ICU: normalisation, case, character kinds, word breaks.
// The only file that includes ICU is unicode.cpp. All texts are well-formed UTF-8.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice {

// The NFKC of text (UAX #15): `text` itself where it is normal already, else held by `buffer`.
std::string_view normalize_nfkc(std::string_view text, std::string& buffer);

// out = text with full case folding (Unicode Standard 3.13, toCasefold; no Turkic mappings).
void fold_case(std::string_view text, std::string& out);

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
std::string capitalized(std::string_view text);  // first letter in title case, the others in lower case

enum class CharKind : std::uint8_t {
  kSpace,        // White_Space, separators and controls
  kPunctuation,  // general categories P*, Sc, Sm, Sk
  kIgnorable,    // marks and format characters: no content without the character they stand on
  kContent,      // all others: letters, digits, So (emoji), unassigned
};
CharKind char_kind(char32_t code_point);

// Word boundaries of UAX #29 as ICU's root locale has them (dictionaries for Chinese, Japanese, Thai and
// their like). Not to be shared between threads; a new one costs about a millisecond at first use,
// microseconds after that.
class WordBreaker {
 public:
  WordBreaker();
  ~WordBreaker();
  WordBreaker(WordBreaker&&) noexcept;

  // Begins a text, which must stay where it is until the last next().
  void start(std::string_view text);
  // The next segment; false at the end. The segments cover the text without gaps.
  bool next(std::string_view& segment);

 private:
  struct Icu;
  std::unique_ptr<Icu> icu_;
  std::string_view text_;
  std::size_t begin_ = 0;
};

}  // namespace sluice
