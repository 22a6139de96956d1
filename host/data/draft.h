// All that one reading of the text files found, and writing it down as a corpus file.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "host/data/corpus.h"
#include "host/data/records.h"
#include "host/text/string_table.h"

namespace sluice {

struct DraftPart {
  explicit DraftPart(const std::string& folder) : records(folder) {}

  RecordFile records;  // classes: numbers of Draft::labels
  bool provisional =
      false;            // tokens are provisional ids, to be mapped by Draft::token_ids; else they are final
  PartFigures figures;  // but for unknown_tokens and in_train, which write_corpus() counts
};

struct Draft {
  // `folder`: where its temporary files lie.
  explicit Draft(const std::string& folder)
      : parts{DraftPart(folder), DraftPart(folder), DraftPart(folder)} {}
  DraftPart& part(Part p) { return parts[static_cast<size_t>(p)]; }

  std::array<DraftPart, kParts> parts;
  std::vector<uint64_t> held_out;  // fingerprints of the documents of validation and test that have tokens
  std::vector<std::string> files, notes;
  StringTable labels;              // those of the training files first
  std::vector<int32_t> label_ids;  // [L] class id of each label's number; training's get [0, K)
  int32_t classes = 0;             // K
  bool multi_label = false;
  bool one_label_each = true;      // every document of every part has exactly one
  std::vector<int32_t> token_ids;  // [provisional ids] final id
  int64_t types = 0;               // distinct tokens in the training part
  std::string vocabulary;          // as Vocabulary writes itself
  int32_t vocabulary_size = 0;
  std::vector<uint64_t> token_counts;  // [V] in the training part; empty without one
};

// Writes the corpus file into `out`, which is empty. Memory does not grow with the documents, but for 9 bytes
// each of validation and test. Throws Failure when writing fails.
void write_corpus(Draft& draft, File& out);

}  // namespace sluice
