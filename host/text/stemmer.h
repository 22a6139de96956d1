// Snowball stemming through libstemmer.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct sb_stemmer;

namespace sluice {

// Throws UserError naming the nearest language unless `language` is "none" or one of libstemmer's.
void check_stemmer_language(const std::string& language);

// Not to be shared between threads.
class Stemmer {
 public:
  // A checked language other than "none".
  explicit Stemmer(const std::string& language);
  // The stem of a word in lower case; valid until the next call.
  std::string_view stem(std::string_view word);

 private:
  struct Delete {
    void operator()(sb_stemmer* stemmer) const;
  };
  std::unique_ptr<sb_stemmer, Delete> stemmer_;
};

}  // namespace sluice
