#include "host/text/fold.h"

#include "host/text/ascii.h"
#include "host/text/options.h"

namespace sluice {
namespace {

constexpr std::uint8_t kWordChar = ascii::kLetter | ascii::kDigit | ascii::kUnderscore;

bool is_word_char(std::string_view run, std::size_t i) {
  return i < run.size() && ascii::is(run[i], kWordChar);
}
bool is_digit(std::string_view run, std::size_t i) {
  return i < run.size() && ascii::is(run[i], ascii::kDigit);
}
bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view lower_case) {
  if (text.size() < lower_case.size()) return false;
  for (std::size_t i = 0; i < lower_case.size(); ++i) {
    if (ascii::lower(text[i]) != lower_case[i]) return false;
  }
  return true;
}

// The end of the URL at `begin`, or `begin` where there is none.
std::size_t url_end(std::string_view run, std::size_t begin) {
  const char first = ascii::lower(run[begin]);
  if (first != 'h' && first != 'f' && first != 'w') return begin;
  if (begin > 0 && ascii::is_alnum(run[begin - 1])) return begin;
  std::size_t scheme = 0;
  for (const std::string_view start : {"http://", "https://", "ftp://", "www."}) {
    if (starts_with_ignoring_case(run.substr(begin), start)) scheme = start.size();
  }
  if (scheme == 0 || begin + scheme >= run.size() || !ascii::is_alnum(run[begin + scheme])) return begin;
  std::size_t end = begin + scheme;
  int open = 0;  // brackets
  for (; end < run.size(); ++end) {
    const char c = run[end];
    if (ascii::is_high(c) || is_one_of(c, "<>\"[]{}|\\^`")) break;
    if (c == '(') ++open;
    if (c == ')' && --open < 0) break;
  }
  while (is_one_of(run[end - 1], ".,;:!?'")) --end;
  return end;
}

struct Number {
  std::size_t end;
  bool whole;  // no letter beside it
};

// The digits and separators from `begin`, a digit.
Number number_at(std::string_view run, std::size_t begin) {
  std::size_t end = begin;
  while (is_digit(run, end)) {
    ++end;
    if (end < run.size() && is_one_of(run[end], ".,:/'") && is_digit(run, end + 1)) ++end;
  }
  return {end, !(begin > 0 && is_word_char(run, begin - 1)) && !is_word_char(run, end)};
}

std::size_t user_end(std::string_view run, std::size_t begin) {
  if (run[begin] != '@') return begin;
  if (begin > 0 && (is_word_char(run, begin - 1) || run[begin - 1] == '.')) return begin;
  std::size_t end = begin + 1;
  while (is_word_char(run, end)) ++end;
  return end == begin + 1 ? begin : end;
}

}  // namespace

FoldedStretch Folder::next(std::string_view run, std::size_t from) const {
  for (std::size_t i = from; i < run.size();) {
    if (urls_) {
      const std::size_t end = url_end(run, i);
      if (end > i) return {i, end, kUrlToken};
    }
    if (users_) {
      const std::size_t end = user_end(run, i);
      if (end > i) return {i, end, kUserToken};
    }
    if (numbers_ && is_digit(run, i)) {
      const Number number = number_at(run, i);
      if (number.whole) return {i, number.end, kNumberToken};
      i = number.end;
    } else {
      ++i;
    }
  }
  return {};
}

}  // namespace sluice
