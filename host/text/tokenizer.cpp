#include "host/text/tokenizer.h"

#include "engine/error.h"
#include "host/text/ascii.h"
#include "host/text/code_points.h"
#include "host/text/unicode.h"

namespace sluice {
namespace {

// Note [The same words on every ICU]: ICU's root rules have differed from UAX #29 and from release to release
// in two ASCII characters: since 72 ":" no longer joins letters (Unicode's own rules let it), in 72 and 73
// "@" is a letter. Here both always stand alone, whatever the ICU: a run is cut at them before ICU sees it.
// All else is ICU's.
//
// Note [Words of ASCII]: for ASCII, UAX #29 is a few lines: letters, digits and _ join (WB5, WB8-10,
// WB13a,b); . and ' join two letters or two digits, and , and ; two digits (WB6,7,11,12); any other character
// is alone (WB999). A test holds this against ICU.
class WordTokenizer : public Tokenizer {
 public:
  explicit WordTokenizer(bool drop_punctuation) : drop_punctuation_(drop_punctuation) {}

  void split(std::string_view run, bool /*after_space*/, TokenList& out) override {
    if (is_ascii(run)) return split_ascii(run, out);
    while (!run.empty()) {
      std::size_t cut = 0;
      while (cut < run.size() && run[cut] != ':' && run[cut] != '@') ++cut;
      split_by_icu(run.substr(0, cut), out);
      if (cut == run.size()) return;
      if (!drop_punctuation_) out.add(run.substr(cut, 1));
      run.remove_prefix(cut + 1);
    }
  }

 private:
  static bool joins(char before, char mark, char after) {
    const bool letters = ascii::is(before, ascii::kLetter) && ascii::is(after, ascii::kLetter);
    const bool digits = ascii::is(before, ascii::kDigit) && ascii::is(after, ascii::kDigit);
    if (mark == '.' || mark == '\'') return letters || digits;
    return digits && (mark == ',' || mark == ';');
  }

  void split_ascii(std::string_view run, TokenList& out) const {
    constexpr std::uint8_t kJoining = ascii::kLetter | ascii::kDigit | ascii::kUnderscore;
    for (std::size_t begin = 0; begin < run.size();) {
      std::size_t end = begin + 1;
      std::uint8_t seen = ascii::kClass[static_cast<unsigned char>(run[begin])];
      if ((seen & kJoining) != 0) {
        for (; end < run.size(); ++end) {
          const std::uint8_t next = ascii::kClass[static_cast<unsigned char>(run[end])];
          if ((next & kJoining) == 0 &&
              (end + 1 == run.size() || !joins(run[end - 1], run[end], run[end + 1]))) {
            break;
          }
          seen |= next;
        }
      }
      const bool word = (seen & (ascii::kLetter | ascii::kDigit)) != 0;
      if (word || !drop_punctuation_) out.add(run.substr(begin, end - begin));
      begin = end;
    }
  }

  void split_by_icu(std::string_view text, TokenList& out) {
    if (text.empty()) return;
    breaker_.start(text);
    std::string_view segment;
    while (breaker_.next(segment)) {
      // A mark or an emoji modifier makes one segment with white space before it.
      std::size_t next = 0;
      while (!segment.empty() && char_kind(next_code_point(segment, next = 0)) == CharKind::kSpace) {
        segment.remove_prefix(next);
      }
      const CharKind kind = kind_of(segment);
      if (kind == CharKind::kContent || (kind == CharKind::kPunctuation && !drop_punctuation_))
        out.add(segment);
    }
  }

  // Content if the segment has any, else punctuation if it has any, else space.
  static CharKind kind_of(std::string_view segment) {
    CharKind kind = CharKind::kSpace;
    for (std::size_t i = 0; i < segment.size();) {
      const CharKind next = char_kind(next_code_point(segment, i));
      if (next == CharKind::kContent) return next;
      if (next == CharKind::kPunctuation) kind = next;
    }
    return kind;
  }

  bool drop_punctuation_;
  WordBreaker breaker_;
};

class WhitespaceTokenizer : public Tokenizer {
 public:
  explicit WhitespaceTokenizer(const std::string& punctuation)
      : keep_(punctuation == "keep"), drop_(punctuation == "drop") {}

  void split(std::string_view run, bool /*after_space*/, TokenList& out) override {
    if (is_ascii(run)) return add_trimmed(run, out);
    // Unicode has more white space than ASCII.
    std::size_t begin = 0;
    for (std::size_t i = 0; i < run.size();) {
      const std::size_t at = i;
      if (char_kind(next_code_point(run, i)) != CharKind::kSpace) continue;
      add_trimmed(run.substr(begin, at - begin), out);
      begin = i;
    }
    add_trimmed(run.substr(begin), out);
  }

 private:
  void add_trimmed(std::string_view word, TokenList& out) const {
    if (word.empty()) return;
    if (keep_) return out.add(word);
    std::size_t first = word.size(), last = 0;  // the bytes from the first to past the last that is no mark
    for (std::size_t i = 0; i < word.size();) {
      const std::size_t at = i;
      if (char_kind(next_code_point(word, i)) == CharKind::kPunctuation) continue;
      if (first == word.size()) first = at;
      last = i;
    }
    add_marks(word.substr(0, first), out);
    if (first == word.size()) return;
    out.add(word.substr(first, last - first));
    add_marks(word.substr(last), out);
  }

  void add_marks(std::string_view marks, TokenList& out) const {
    if (drop_) return;
    for (std::size_t i = 0; i < marks.size();) {
      const std::size_t at = i;
      next_code_point(marks, i);
      out.add(marks.substr(at, i - at));
    }
  }

  bool keep_, drop_;
};

class CharTokenizer : public Tokenizer {
 public:
  explicit CharTokenizer(bool drop_punctuation) : drop_punctuation_(drop_punctuation) {}

  void split(std::string_view run, bool after_space, TokenList& out) override {
    space_ = space_ || after_space;
    for (std::size_t i = 0; i < run.size();) {
      const std::size_t at = i;
      const CharKind kind = char_kind(next_code_point(run, i));
      if (kind == CharKind::kSpace) {
        space_ = true;
      } else if (kind != CharKind::kPunctuation || !drop_punctuation_) {
        add(run.substr(at, i - at), out);
      }
    }
  }

  void keep(std::string_view token, bool after_space, TokenList& out) override {
    space_ = space_ || after_space;
    add(token, out);
  }

 private:
  // White space shows only between two tokens: a text neither begins nor ends with it.
  void add(std::string_view token, TokenList& out) {
    if (space_ && !out.empty()) out.add(" ");
    space_ = false;
    out.add(token);
  }

  bool drop_punctuation_;
  bool space_ = false;  // white space is due before the next token
};

}  // namespace

void Tokenizer::keep(std::string_view token, bool /*after_space*/, TokenList& out) {
  out.add(token);
}

std::unique_ptr<Tokenizer> make_tokenizer(const TextOptions& options) {
  const bool drop = options.punctuation == "drop";
  if (options.tokenizer == "word") return std::make_unique<WordTokenizer>(drop);
  if (options.tokenizer == "whitespace") return std::make_unique<WhitespaceTokenizer>(options.punctuation);
  if (options.tokenizer == "char") return std::make_unique<CharTokenizer>(drop);
  throw Failure("no tokenizer is called '{}'", options.tokenizer);
}

}  // namespace sluice
