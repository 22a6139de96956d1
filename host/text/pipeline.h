// From a text to its tokens: clean, normalise, fold, tokenise, stop, stem, truncate, by the options
//   email_headers, html | normalize, lowercase | urls, numbers, users | tokenizer, punctuation | stop_words |
//   stemmer | truncate, max_tokens
// in this order.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "host/text/options.h"
#include "host/text/token_list.h"

namespace sluice {

// What truncation left out of one text.
struct Truncation {
  bool truncated = false;  // the text has more than max_tokens tokens
  // Tokens made and dropped. With truncate = head the rest of the text is not made into tokens at all:
  std::size_t dropped_tokens = 0;
  std::size_t unread_bytes = 0;  // about so many bytes of it
};

// Not to be shared between threads: each has its own clone.
class TextPipeline {
 public:
  // Throws UserError for illegal options and for a stop word file that cannot be read.
  explicit TextPipeline(const TextOptions& options);
  ~TextPipeline();
  TextPipeline(TextPipeline&&) noexcept;
  TextPipeline& operator=(TextPipeline&&) noexcept;

  // An equal pipeline; cheap: tables are shared and no file is read again.
  TextPipeline clone() const;

  // Replaces the tokens in `out` by those of `text`, which should be UTF-8 (what is ill-formed counts as
  // U+FFFD). Tokens are never empty; those of `word` and `whitespace` hold no white space. Time is linear in
  // the text, working memory beside `out` does not grow with it; with truncate = head no more of the text is
  // read than needed, else `out` never holds much more than twice max_tokens.
  //
  // A run of more than 4 KiB without white space is cut there: before the last CJK comma or full stop, where
  // a word ends in any case, or else between two code points.
  Truncation run(std::string_view text, TokenList& out);

  const TextOptions& options() const;

 private:
  struct Parts;
  explicit TextPipeline(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice
