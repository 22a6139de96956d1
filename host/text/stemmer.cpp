#include "host/text/stemmer.h"

#include <libstemmer.h>

#include <algorithm>
#include <vector>

#include "engine/error.h"
#include "host/readers/words.h"

namespace sluice {

void check_stemmer_language(const std::string& language) {
  std::vector<std::string> names = {"none"};
  for (const char** name = sb_stemmer_list(); *name != nullptr; ++name) names.emplace_back(*name);
  if (std::find(names.begin(), names.end(), language) != names.end()) return;
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  throw UserError("text.stemmer: no stemmer is called {}{} (of {})", in_quotes(language),
                  did_you_mean(language, names), list);
}

void Stemmer::Delete::operator()(sb_stemmer* stemmer) const {
  sb_stemmer_delete(stemmer);
}

Stemmer::Stemmer(const std::string& language) : stemmer_(sb_stemmer_new(language.c_str(), "UTF_8")) {
  SLUICE_CHECK(stemmer_ != nullptr, "libstemmer has no UTF-8 stemmer for {}", in_quotes(language));
}

std::string_view Stemmer::stem(std::string_view word) {
  const auto* symbols = reinterpret_cast<const sb_symbol*>(word.data());
  const sb_symbol* stem = sb_stemmer_stem(stemmer_.get(), symbols, static_cast<int>(word.size()));
  SLUICE_CHECK(stem != nullptr, "libstemmer ran out of memory");
  return {reinterpret_cast<const char*>(stem), static_cast<std::size_t>(sb_stemmer_length(stemmer_.get()))};
}

}  // namespace sluice
