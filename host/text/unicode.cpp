#include "host/text/unicode.h"

#include <unicode/brkiter.h>
#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

#include "engine/error.h"
#include "host/text/ascii.h"

namespace sluice {
namespace {

void check_icu(UErrorCode code, const char* what) {
  SLUICE_CHECK(U_SUCCESS(code), "ICU: {} failed with {}; is its data installed?", what, u_errorName(code));
}

icu::StringPiece piece(std::string_view text) {
  SLUICE_CHECK(text.size() <= 0x7fffffff, "ICU: a text of {} bytes is more than it can take", text.size());
  return {text.data(), static_cast<int32_t>(text.size())};
}

const icu::Normalizer2& nfkc() {
  static const icu::Normalizer2* instance = [] {
    UErrorCode code = U_ZERO_ERROR;
    const auto* made = icu::Normalizer2::getNFKCInstance(code);
    check_icu(code, "NFKC normalisation");
    return made;
  }();
  return *instance;
}

}  // namespace

std::string_view normalize_nfkc(std::string_view text, std::string& buffer) {
  UErrorCode code = U_ZERO_ERROR;
  const bool normal = nfkc().isNormalizedUTF8(piece(text), code);
  check_icu(code, "NFKC normalisation");
  if (normal) return text;
  buffer.clear();
  icu::StringByteSink<std::string> sink(&buffer, static_cast<int32_t>(text.size()));
  nfkc().normalizeUTF8(0, piece(text), sink, nullptr, code);
  check_icu(code, "NFKC normalisation");
  return buffer;
}

void fold_case(std::string_view text, std::string& out) {
  out.clear();
  icu::StringByteSink<std::string> sink(&out, static_cast<int32_t>(text.size()));
  UErrorCode code = U_ZERO_ERROR;
  icu::CaseMap::utf8Fold(U_FOLD_CASE_DEFAULT, piece(text), sink, nullptr, code);
  check_icu(code, "case folding");
}

std::string to_lower(std::string_view text) {
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode code = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0, piece(text), sink, nullptr, code);
  check_icu(code, "lower case");
  return out;
}

std::string to_upper(std::string_view text) {
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode code = U_ZERO_ERROR;
  icu::CaseMap::utf8ToUpper("", 0, piece(text), sink, nullptr, code);
  check_icu(code, "upper case");
  return out;
}

std::string capitalized(std::string_view text) {
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode code = U_ZERO_ERROR;
  icu::CaseMap::utf8ToTitle("", U_TITLECASE_WHOLE_STRING, nullptr, piece(text), sink, nullptr, code);
  check_icu(code, "title case");
  return out;
}

CharKind char_kind(char32_t code_point) {
  if (code_point < 0x80) {
    const auto c = static_cast<char>(code_point);
    if (ascii::is_space(c)) return CharKind::kSpace;
    return ascii::is(c, ascii::kPunct) ? CharKind::kPunctuation : CharKind::kContent;
  }
  switch (u_charType(static_cast<UChar32>(code_point))) {
    case U_SPACE_SEPARATOR:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
    case U_CONTROL_CHAR:
      return CharKind::kSpace;
    case U_DASH_PUNCTUATION:
    case U_START_PUNCTUATION:
    case U_END_PUNCTUATION:
    case U_CONNECTOR_PUNCTUATION:
    case U_OTHER_PUNCTUATION:
    case U_INITIAL_PUNCTUATION:
    case U_FINAL_PUNCTUATION:
    case U_CURRENCY_SYMBOL:
    case U_MATH_SYMBOL:
    case U_MODIFIER_SYMBOL:
      return CharKind::kPunctuation;
    case U_NON_SPACING_MARK:
    case U_ENCLOSING_MARK:
    case U_COMBINING_SPACING_MARK:
    case U_FORMAT_CHAR:
      return CharKind::kIgnorable;
    default:
      return CharKind::kContent;
  }
}

struct WordBreaker::Icu {
  std::unique_ptr<icu::BreakIterator> words;
  UText text = UTEXT_INITIALIZER;
  ~Icu() { utext_close(&text); }
};

WordBreaker::WordBreaker() : icu_(std::make_unique<Icu>()) {
  UErrorCode code = U_ZERO_ERROR;
  icu_->words.reset(icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), code));
  check_icu(code, "the word break iterator");
}
WordBreaker::~WordBreaker() = default;
WordBreaker::WordBreaker(WordBreaker&&) noexcept = default;

void WordBreaker::start(std::string_view text) {
  text_ = text;
  begin_ = 0;
  UErrorCode code = U_ZERO_ERROR;
  utext_openUTF8(&icu_->text, text.data(), static_cast<int64_t>(text.size()), &code);
  icu_->words->setText(&icu_->text, code);
  check_icu(code, "breaking a text into words");
  icu_->words->first();
}

bool WordBreaker::next(std::string_view& segment) {
  const int32_t end = icu_->words->next();
  if (end == icu::BreakIterator::DONE) return false;
  segment = text_.substr(begin_, static_cast<std::size_t>(end) - begin_);
  begin_ = static_cast<std::size_t>(end);
  return true;
}

}  // namespace sluice
