// Between the two formats of vector files and the matrix that is made of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/text/string_table.h"
#include "host/text/vectors.h"

namespace sluice {

inline constexpr std::int64_t kMaxVectorDimension = 1 << 16;

// Takes a file's rows and gives them to the tokens that they suit best.
class VectorRows {
 public:
  VectorRows(std::string name, const Vocabulary& vocabulary, std::int64_t embedding_size);

  // The E that the file has; must come before any row. Throws UserError where the model wants another one.
  void set_dimension(std::int64_t dimension, std::int64_t line);
  std::int64_t dimension() const { return result_.dimension; }

  // Whether some token has use for the vector of `word`; if so take() is to follow.
  bool wants(std::string_view word);
  // The vector of the word wanted last, E finite numbers.
  void take(std::span<const float> row);

  PretrainedVectors finish(std::span<const std::uint64_t> counts);

 private:
  enum Match : std::uint8_t { kExact, kLower, kCapitalized, kUpper, kNone };
  struct Use {
    std::int32_t id;
    Match match;
    std::int32_t next = StringTable::kAbsent;  // of the same variant, in uses_
  };
  void add_variant(std::string_view variant, std::int32_t id, Match match);
  void want(std::int32_t id, Match match);

  std::string name_;
  const Vocabulary& vocabulary_;
  std::int64_t embedding_size_;
  StringTable variants_;                 // words in another case than a token's
  std::vector<std::int32_t> first_use_;  // of each variant, in uses_
  std::vector<Use> uses_;
  std::vector<Match> best_;           // [V]: what the token's vector is of, so far
  std::vector<std::int32_t> wanted_;  // ids, for the current word
  PretrainedVectors result_;
};

// Read the whole of a file into `rows`.
void read_text_vectors(ByteSource& source, const std::string& name, VectorRows& rows);
void read_binary_vectors(ByteSource& source, const std::string& name, VectorRows& rows);

}  // namespace sluice
