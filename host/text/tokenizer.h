// The seam between the pipeline, which makes a text clean, and the ways of cutting it into tokens. A subword
// model belongs behind this interface too.
#pragma once

#include <memory>
#include <string_view>

#include "host/text/options.h"
#include "host/text/token_list.h"

namespace sluice {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Adds the tokens of `run`, a well-formed, normalised text without ASCII white space or controls.
  // `after_space` says that white space stood before it in the text.
  virtual void split(std::string_view run, bool after_space, TokenList& out) = 0;
  // Adds `token`, which stands for a whole stretch of text, as it is.
  virtual void keep(std::string_view token, bool after_space, TokenList& out);
};

// The tokenizer that checked options name. Not to be shared between threads.
std::unique_ptr<Tokenizer> make_tokenizer(const TextOptions& options);

}  // namespace sluice
