#include "host/text/options.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "engine/error.h"
#include "host/text/stemmer.h"

namespace sluice {
namespace {

void check_choice(const char* option, const std::string& value, const std::vector<std::string_view>& legal) {
  if (std::find(legal.begin(), legal.end(), value) != legal.end()) return;
  std::string list;
  for (std::size_t i = 0; i < legal.size(); ++i) {
    if (i > 0) list += i + 1 == legal.size() ? " or " : ", ";
    list += legal[i];
  }
  throw UserError("text.{}: '{}' is not a legal value; use {}", option, value, list);
}

}  // namespace

void check(const TextOptions& options) {
  check_choice("normalize", options.normalize, {"nfkc", "none"});
  check_choice("html", options.html, {"keep", "strip"});
  check_choice("email_headers", options.email_headers, {"keep", "strip"});
  check_choice("urls", options.urls, {"keep", "fold"});
  check_choice("numbers", options.numbers, {"keep", "fold"});
  check_choice("users", options.users, {"keep", "fold"});
  check_choice("punctuation", options.punctuation, {"keep", "drop", "split"});
  check_choice("tokenizer", options.tokenizer, {"word", "whitespace", "char"});
  check_choice("truncate", options.truncate, {"head", "tail", "head_tail"});
  if (options.max_tokens < 0) {
    throw UserError("text.max_tokens: {} is negative; use a number of tokens, or 0 for no limit",
                    options.max_tokens);
  }
  if (options.stop_words.empty()) {
    throw UserError("text.stop_words: the value is empty; use none, english or the path of a file");
  }
  check_stemmer_language(options.stemmer);
  if (options.tokenizer == "char") {
    if (options.stop_words != "none") {
      throw UserError("text.stop_words: tokenizer char makes no words to stop; use none");
    }
    if (options.stemmer != "none")
      throw UserError("text.stemmer: tokenizer char makes no words to stem; use none");
  }
}

}  // namespace sluice
