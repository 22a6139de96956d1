// Finds what folding replaces: URLs, numbers, user names.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice {

// A stretch [begin, end) of a run and the token that takes its place; an empty token says that there is none.
struct FoldedStretch {
  std::size_t begin = 0, end = 0;
  std::string_view token;
};

class Folder {
 public:
  Folder(bool urls, bool numbers, bool users) : urls_(urls), numbers_(numbers), users_(users) {}
  bool active() const { return urls_ || numbers_ || users_; }

  // The first stretch of `run` (a text without white space) at or after `from`.
  //
  // URL     http://, https://, ftp:// or www. (any case) not after a letter or digit, and the characters that
  //         RFC 3986 allows, up to a bracket that the URL did not open; punctuation at its end stays outside
  // number  ASCII digits with single . , : / ' between them, no letter, digit or _ beside it: 3.14 1,000
  // 10:30 user    @ not after a letter, digit, _ or ., and the letters, digits and _ that follow
  FoldedStretch next(std::string_view run, std::size_t from) const;

 private:
  bool urls_, numbers_, users_;
};

}  // namespace sluice
