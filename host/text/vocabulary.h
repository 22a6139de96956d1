// Tokens and their ids. Counting comes first, over the whole corpus; the vocabulary is what is kept of the
// counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/text/string_table.h"

namespace sluice {

class ByteSource;
class TokenList;

// Counts tokens and gives each distinct one a provisional id in the order of first sight, so that a corpus
// can be written once with provisional ids and mapped to the final ones afterwards (BuiltVocabulary::remap).
class VocabularyCounter {
 public:
  // The token's provisional id, from 0. `count`: how often it was seen; 0 gives it an id and no more.
  std::int32_t add(std::string_view token, std::uint64_t count = 1);
  // Appends the provisional ids of `tokens` to `ids`.
  void add(const TokenList& tokens, std::vector<std::int32_t>& ids);

  std::int32_t size() const { return tokens_.size(); }
  std::string_view token(std::int32_t provisional_id) const { return tokens_[provisional_id]; }
  std::uint64_t count(std::int32_t provisional_id) const {
    return counts_[static_cast<std::size_t>(provisional_id)];
  }

 private:
  StringTable tokens_;
  std::vector<std::uint64_t> counts_;
};

// The tokens that have rows in the embedding. Id 0 is <unk>, which stands for all others. There is no padding
// id: no padding is ever computed, and the rows of the padded layout are masked.
class Vocabulary {
 public:
  static constexpr std::int32_t kUnknownId = 0;
  static constexpr std::string_view kUnknownToken = "<unk>";

  // <unk> alone.
  Vocabulary();

  std::int32_t size() const { return tokens_.size(); }  // V
  // kUnknownId where the token is not in the vocabulary.
  std::int32_t id(std::string_view token) const {
    const std::int32_t found = tokens_.find(token);
    return found == StringTable::kAbsent ? kUnknownId : found;
  }
  std::string_view token(std::int32_t id) const { return tokens_[id]; }

  // vocab.txt: line i+1 is token i, UTF-8. \s \t \n \r and \\ stand for a space, tab, line feed, carriage
  // return and backslash. The file appears whole or not at all; throws Failure when the system refuses.
  void save(const std::string& path) const;
  // What save() writes.
  std::string text() const;
  // Throws UserError (file:line:column: what) for a first line other than <unk>, a token twice, an empty
  // line, an unknown escape and ill-formed UTF-8.
  static Vocabulary load(const std::string& path);
  static Vocabulary read(ByteSource& source, const std::string& name);

 private:
  friend struct BuiltVocabulary;
  StringTable tokens_;
};

struct BuiltVocabulary {
  Vocabulary vocabulary;
  std::vector<std::int32_t> remap;    // provisional id -> id
  std::vector<std::uint64_t> counts;  // of each id, [V]; counts[0]: the tokens that became <unk>

  // Keeps the tokens seen at least `min_count` times, of these the most frequent so that there are at most
  // `max_size` rows, <unk> with them (0: no limit), ordered by falling count, then by bytes. A token "<unk>"
  // of the text is <unk>.
  static BuiltVocabulary from(const VocabularyCounter& counter, std::int64_t min_count,
                              std::int64_t max_size);
};

}  // namespace sluice
