#include "host/data/prepare.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <utility>

#include "engine/error.h"
#include "host/data/draft.h"
#include "host/data/tokenise.h"
#include "host/data/validation_split.h"
#include "host/readers/byte_source.h"
#include "host/readers/words.h"
#include "host/text/pipeline.h"

namespace sluice {
namespace {

// Reads files into a draft, part by part; the training files first.
class DraftReader {
 public:
  DraftReader(Draft& draft, const ReaderOptions& reader, const TextPipeline& pipeline, const PrepareRun& run)
      : draft_(draft), reader_(reader), pipeline_(pipeline), run_(run) {}

  // Training files: tokens are counted, ids provisional; documents that `split` holds go to validation.
  void read_training(const std::vector<std::string>& files, const ValidationSplit& split) {
    draft_.part(Part::train).provisional = draft_.part(Part::valid).provisional = true;
    int64_t index = 0;
    read(files, Part::train, [&](const TokenChunk& chunk) {
      count_words(chunk, split, index);
      for_each_document(chunk, [&] { add_document(split.holds(index++) ? Part::valid : Part::train); });
    });
  }

  // Other files, with the vocabulary as it is.
  void read_held_out(const std::vector<std::string>& files, Part part, const Vocabulary& vocabulary) {
    if (files.empty()) return;
    draft_.part(part).provisional = false;
    read(files, part, [&](const TokenChunk& chunk) {
      ids_.clear();
      for (int32_t w = 0; w < chunk.words.size(); ++w) ids_.push_back(vocabulary.id(chunk.words[w]));
      for_each_document(chunk, [&] { add_document(part); });
    });
  }

  const VocabularyCounter& counter() const { return counter_; }

 private:
  template <class TakeChunk>
  void read(const std::vector<std::string>& files, Part part, const TakeChunk& take_chunk) {
    first_file_ = static_cast<int32_t>(draft_.files.size());
    for (const std::string& file : files) draft_.files.push_back(display_name(file));
    const ReaderReport report = tokenise(open_documents(files, reader_), pipeline_, run_.threads, take_chunk);
    PartFigures& figures = draft_.part(part).figures;
    figures.rows_skipped += report.skipped;
    figures.rows_replaced += report.replaced;
    figures.texts_cut += report.truncated;
    for (const std::string& note : report.notes) draft_.notes.push_back(note);
    if (report.skipped > 0) draft_.notes.push_back("first row skipped: " + report.first_skipped);
  }

  // Gives the words of a chunk their provisional ids and counts those of training documents.
  void count_words(const TokenChunk& chunk, const ValidationSplit& split, int64_t first_index) {
    counts_.assign(static_cast<size_t>(chunk.words.size()), 0);
    size_t token = 0;
    for (const TokenChunk::Entry& entry : chunk.entries) {
      const uint64_t one = split.holds(first_index++) ? 0 : 1;
      for (int32_t i = 0; i < entry.tokens; ++i) counts_[static_cast<size_t>(chunk.tokens[token++])] += one;
    }
    ids_.clear();
    for (int32_t w = 0; w < chunk.words.size(); ++w)
      ids_.push_back(counter_.add(chunk.words[w], counts_[static_cast<size_t>(w)]));
  }

  // Makes a record of each document, its tokens by ids_, and calls `take` with it in record_.
  template <class Take>
  void for_each_document(const TokenChunk& chunk, const Take& take) {
    size_t token = 0;
    for (size_t d = 0; d < chunk.documents.size(); ++d) {
      const Document& document = chunk.documents[d];
      const TokenChunk::Entry& entry = chunk.entries[d];
      record_.head.line = document.line;
      record_.head.file = first_file_ + document.file;
      record_.head.fingerprint = entry.fingerprint;
      record_.head.dropped = entry.dropped;
      truncated_ = entry.truncated;
      record_.classes.clear();
      for (const std::string& label : document.labels) record_.classes.push_back(draft_.labels.add(label));
      record_.tokens.clear();
      for (int32_t i = 0; i < entry.tokens; ++i)
        record_.tokens.push_back(ids_[static_cast<size_t>(chunk.tokens[token++])]);
      take();
    }
    run_.progress(documents_ += static_cast<int64_t>(chunk.documents.size()));
  }

  void add_document(Part p) {
    DraftPart& part = draft_.part(p);
    PartFigures& figures = part.figures;
    ++figures.documents;
    figures.tokens += static_cast<int64_t>(record_.tokens.size());
    figures.empty_documents += record_.tokens.empty();
    figures.truncated_documents += truncated_;
    figures.dropped_tokens += record_.head.dropped;
    // While training files are read, K is not yet known: all their labels are training's.
    const bool strange = std::any_of(record_.classes.begin(), record_.classes.end(), [&](int32_t label) {
      return draft_.classes > 0 && label >= draft_.classes;
    });
    figures.unknown_labels += strange;
    if (p != Part::train && !record_.tokens.empty()) draft_.held_out.push_back(record_.head.fingerprint);
    if (record_.classes.size() != 1) {
      draft_.one_label_each = false;
      if (draft_.classes == 0) draft_.multi_label = true;
    }
    part.records.append(record_);
  }

  Draft& draft_;
  const ReaderOptions& reader_;
  const TextPipeline& pipeline_;
  const PrepareRun& run_;
  VocabularyCounter counter_;
  int32_t first_file_ = 0;
  int64_t documents_ = 0;
  std::vector<uint64_t> counts_;  // of a chunk's words
  std::vector<int32_t> ids_;      // of a chunk's words
  Record record_;                 // the document at hand
  bool truncated_ = false;        // was it?
};

// Ends the reading of the training files: their labels are the classes, in the order of their bytes.
void fix_classes(Draft& draft, const std::vector<std::string>& files) {
  draft.classes = draft.labels.size();
  if (draft.part(Part::train).figures.documents == 0)
    throw UserError("{}: no document left to train on; give other files or set aside less",
                    list_in_quotes(files));
  if (draft.classes < 2)
    throw UserError("{}: all documents have the label {}; a classifier needs two labels at least",
                    list_in_quotes(files), in_quotes(draft.labels[0]));
  std::vector<int32_t> order(static_cast<size_t>(draft.classes));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int32_t a, int32_t b) { return draft.labels[a] < draft.labels[b]; });
  draft.label_ids.resize(order.size());
  for (size_t id = 0; id < order.size(); ++id)
    draft.label_ids[static_cast<size_t>(order[id])] = static_cast<int32_t>(id);
}

// Labels that only held-out files have keep the order in which they came.
void number_strange_labels(Draft& draft) {
  for (auto id = static_cast<int32_t>(draft.label_ids.size()); id < draft.labels.size(); ++id)
    draft.label_ids.push_back(id);
}

Vocabulary fix_vocabulary(Draft& draft, const VocabularyCounter& counter, const PrepareOptions& options) {
  for (int32_t id = 0; id < counter.size(); ++id) draft.types += counter.count(id) > 0;
  BuiltVocabulary built = BuiltVocabulary::from(counter, options.min_count, options.max_vocabulary);
  draft.token_ids = std::move(built.remap);
  draft.token_counts = std::move(built.counts);
  draft.vocabulary = built.vocabulary.text();
  draft.vocabulary_size = built.vocabulary.size();
  return std::move(built.vocabulary);
}

}  // namespace

void check(const PrepareOptions& options) {
  check(options.text);
  if (options.train.empty()) throw UserError("no training file: give --train FILE");
  if (options.min_count < 1)
    throw UserError("text.min_count is {}: it must be at least 1", options.min_count);
  if (options.max_vocabulary < 0 || options.max_vocabulary == 1)
    throw UserError("text.max_vocabulary is {}: it must be 0 (no limit) or at least 2",
                    options.max_vocabulary);
  if (!(options.valid_share >= 0 && options.valid_share < 1))
    throw UserError("data.valid_share is {}: it must be at least 0 and less than 1", options.valid_share);
}

void prepare(const PrepareOptions& options, const PrepareRun& run, const std::string& folder, File& out) {
  check(options);
  const TextPipeline pipeline(options.text);
  Draft draft(folder);
  {
    DraftReader reader(draft, options.reader, pipeline, run);
    reader.read_training(options.train, {options.valid.empty() ? options.valid_share : 0.0, options.seed});
    fix_classes(draft, options.train);
    const Vocabulary vocabulary = fix_vocabulary(draft, reader.counter(), options);
    reader.read_held_out(options.valid, Part::valid, vocabulary);
    reader.read_held_out(options.test, Part::test, vocabulary);
  }
  number_strange_labels(draft);
  write_corpus(draft, out);
}

Corpus prepare_file(const PrepareOptions& options, const PrepareRun& run, const std::string& path) {
  TemporaryFile temporary(folder_of(path));
  prepare(options, run, folder_of(path), temporary.file());
  temporary.rename_to(path);
  return Corpus::open(path);
}

Corpus prepare_for_model(const std::vector<std::string>& files, const ReaderOptions& reader_options,
                         const TrainedEncoding& encoding, const PrepareRun& run) {
  const std::string folder = std::filesystem::temp_directory_path();
  const TextPipeline pipeline(encoding.text);
  Draft draft(folder);
  for (const std::string& label : encoding.labels) draft.label_ids.push_back(draft.labels.add(label));
  draft.classes = draft.labels.size();
  draft.multi_label = encoding.multi_label;
  draft.vocabulary = encoding.vocabulary.text();
  draft.vocabulary_size = encoding.vocabulary.size();
  DraftReader(draft, reader_options, pipeline, run).read_held_out(files, Part::test, encoding.vocabulary);
  number_strange_labels(draft);
  File out = TemporaryFile::anonymous(folder);
  write_corpus(draft, out);
  return Corpus(std::move(out));
}

}  // namespace sluice
