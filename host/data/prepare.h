// Text files to a prepared corpus: one reading, one tokenisation.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "host/data/corpus.h"
#include "host/readers/documents.h"
#include "host/text/options.h"
#include "host/text/vocabulary.h"

namespace sluice {

// All that decides what the corpus holds.
struct PrepareOptions {
  std::vector<std::string> train, valid, test;  // "-": standard input
  ReaderOptions reader;
  TextOptions text;
  int64_t min_count = 2;       // tokens seen less often in the training part become <unk>
  int64_t max_vocabulary = 0;  // at most so many rows, <unk> with them; 0: no limit
  double valid_share = 0.1;    // of the training documents, set aside where there are no `valid` files
  uint64_t seed = 1;           // of that choice
};

// How to do it; the corpus does not depend on it.
struct PrepareRun {
  int threads = 1;  // that tokenise
  // Called now and then with the documents read so far. May throw to stop.
  std::function<void(int64_t)> progress = [](int64_t) {};
};

// Makes the corpus file in `out`, which is empty; temporary files lie in `folder`.
//
// The vocabulary is that of the training part; validation and test are encoded with it. Labels are those of
// all training files, set aside or not, in the order of their bytes: ids [0, K). Labels that only other files
// have get ids from K on.
//
// Throws UserError (one line: what, where, what to do) for options out of range, for everything the reader
// and the pipeline refuse, for training files without a document left, and when they have fewer than two
// labels.
void prepare(const PrepareOptions& options, const PrepareRun& run, const std::string& folder, File& out);

// The same, to a file that appears under its name whole or not at all.
Corpus prepare_file(const PrepareOptions& options, const PrepareRun& run, const std::string& path);

// What a trained model needs to read other files as it read its own.
struct TrainedEncoding {
  TextOptions text;
  Vocabulary vocabulary;
  std::vector<std::string> labels;  // [K] in the order of their ids
  bool multi_label = false;
};

// Documents of `files` as the test part of a corpus without a name, for a trained model.
Corpus prepare_for_model(const std::vector<std::string>& files, const ReaderOptions& reader,
                         const TrainedEncoding& encoding, const PrepareRun& run);

// Throws UserError naming the option that is out of range.
void check(const PrepareOptions& options);

}  // namespace sluice
