// Words that say nothing of a topic.
#pragma once

#include <string>
#include <string_view>

#include "host/text/string_table.h"

namespace sluice {

class ByteSource;

// The words in lower case; with an apostrophe once as ' and once as U+2019.
class StopWords {
 public:
  // The words built in: articles, pronouns, prepositions, auxiliaries and their contractions.
  static StopWords english();
  // One word a line, UTF-8; case is folded, white space around a word dropped, empty lines skipped. Throws
  // UserError (file:line:column) for ill-formed UTF-8 or more than one word on a line, and where the file
  // holds no word.
  static StopWords read(ByteSource& source, const std::string& name);
  static StopWords open(const std::string& path);

  bool contains(std::string_view folded_word) const {
    return words_.find(folded_word) != StringTable::kAbsent;
  }
  std::int32_t size() const { return words_.size(); }

 private:
  void add(std::string_view word);
  StringTable words_;
};

}  // namespace sluice
