// Pretrained word vectors: the rows of a file that a vocabulary has use for.
//
//   text    word2vec, GloVe and fastText (.vec, .txt): "word x1 ... xE" a line, blanks or tabs between; the
//           first line may be a header "rows E"
//   binary  word2vec (.bin): a line "rows E", then for each row the word, a blank, E little-endian float32
//
// Either may be compressed (gzip, zstd).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "host/text/vocabulary.h"

namespace sluice {

class ByteSource;

enum class VectorFormat { text, binary };

struct VectorCoverage {
  std::int64_t types = 0;          // tokens of the vocabulary, without <unk>
  std::int64_t types_found = 0;    // those that have a vector
  std::int64_t types_by_case = 0;  // those of them whose vector is that of a word in another case
  std::uint64_t tokens = 0;        // occurrences, those of <unk> with them; 0 where no counts were given
  std::uint64_t tokens_found = 0;
};

struct PretrainedVectors {
  std::int64_t dimension = 0;       // E
  std::vector<float> rows;          // [V,E]; 0 where not found: such rows are the engine's to initialise
  std::vector<std::uint8_t> found;  // [V]; 1 where the file has a vector for the token
  VectorCoverage coverage;
};

// Reads the vectors of the tokens of `vocabulary` from a file; .bin (also .bin.gz, .bin.zst) is binary. A
// token takes the vector of the word equal to it; else, in this order, of the word in lower case,
// capitalised, in upper case. Of a word that the file has twice the first counts. `counts` ([V] or empty) is
// for the coverage. `embedding_size`: the model's, 0 for any; vectors may be shorter.
//
// Throws UserError naming file:line:column (binary: file and row) for a row of another length, what is no
// finite number, a file that ends too early, and vectors longer than embedding_size. Of rows that no token
// has use for only the length is checked.
PretrainedVectors load_vectors(const std::string& path, const Vocabulary& vocabulary,
                               std::span<const std::uint64_t> counts, std::int64_t embedding_size);

// The same from any source; `name` is for messages.
PretrainedVectors read_vectors(ByteSource& source, const std::string& name, VectorFormat format,
                               const Vocabulary& vocabulary, std::span<const std::uint64_t> counts,
                               std::int64_t embedding_size);

}  // namespace sluice
