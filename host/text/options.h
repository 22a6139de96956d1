// The options of the text pipeline: all that decides which tokens a text becomes. They are kept in the run
// folder, so that prediction repeats training exactly. Every field is a configuration key, `text.<field>`.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

struct TextOptions {
  std::string normalize = "nfkc";  // nfkc (UAX #15) | none
  bool lowercase = true;           // full Unicode case folding
  std::string html = "keep";       // keep | strip: tags and comments removed, entities decoded (see html.h)
  std::string email_headers = "keep";  // keep | strip: a header block at the start of the text (see email.h)
  std::string urls = "fold";           // keep | fold: a URL becomes the token <url>
  std::string numbers = "keep";        // keep | fold: a number in ASCII digits becomes the token <number>
  std::string users = "keep";          // keep | fold: @name becomes the token <user>

  // word        words of UAX #29; a punctuation mark is a segment of its own
  // whitespace  what stands between white space
  // char        code points; a run of white space is one token " "
  std::string tokenizer = "word";

  // Punctuation is what Unicode files under P, Sc, Sm or Sk; emoji and other pictures (So) are content.
  //        word and char                  whitespace
  // keep   every mark is a token          marks stay on their words
  // drop   no mark is a token             marks are trimmed from both ends; inner ones stay (don't, 3.14)
  // split  as keep                        marks at both ends become tokens of their own
  std::string punctuation = "drop";

  std::string stop_words = "none";  // none | english | a UTF-8 file, one word a line; not with tokenizer char
  std::string stemmer = "none";  // none | a Snowball language; made for lower case; not with tokenizer char

  std::int64_t max_tokens = 400;  // at most so many tokens a text; 0: no limit
  std::string truncate = "head";  // head | tail | head_tail (the first half and the last half of max_tokens)
};

// Throws UserError naming the option and its legal values. Stop word files are read by TextPipeline, not
// here.
void check(const TextOptions& options);

// The tokens that folding puts in; the names are those of the GloVe Twitter vectors.
inline constexpr const char* kUrlToken = "<url>";
inline constexpr const char* kNumberToken = "<number>";
inline constexpr const char* kUserToken = "<user>";

}  // namespace sluice
