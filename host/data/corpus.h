// A prepared corpus: texts as token ids with their classes, in one file, mapped and never loaded whole.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/file.h"
#include "host/data/corpus_file.h"

namespace sluice {

enum class Part : uint32_t { train, valid, test };
inline constexpr size_t kParts = 3;
std::string_view name_of(Part part);

// What preparing found in one part. Sums of all parts' rows read are those of the readers' reports; rows of
// training files that are set aside for validation count as skipped or mended under train.
struct PartFigures {
  int64_t documents = 0;
  int64_t tokens = 0;                                          // kept
  int64_t empty_documents = 0;                                 // without any token
  int64_t truncated_documents = 0;                             // cut to text.max_tokens
  int64_t dropped_tokens = 0;                                  // by that cut
  int64_t unknown_tokens = 0;                                  // kept, but not in the vocabulary
  int64_t rows_skipped = 0, rows_replaced = 0, texts_cut = 0;  // by the reader: see ReaderReport
  int64_t unknown_labels = 0;  // documents with a label that training never had
  int64_t in_train = 0;        // valid, test: documents whose tokens equal those of a training document
};

struct CorpusMeta {
  int64_t documents = 0, tokens = 0;  // of all parts
  int64_t types = 0;                  // distinct tokens in the training part
  int32_t vocabulary = 0;             // V: ids are in [0, V)
  int32_t classes = 0;                // K: labels that training files have; their ids come first
  int32_t labels = 0;                 // L >= K: all labels
  int32_t multi_label = 0;            // 1 where some training document has another number of labels than one
  std::array<PartFigures, kParts> parts;
};

// Documents [begin, end).
struct DocumentRange {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

// The documents from `first_document` on, up to the next run, come from file `file`.
struct FileRun {
  int64_t first_document = 0, file = 0;
};

struct Place {
  std::string_view file;
  int64_t line = 0;
};

// Documents are numbered training part first, then validation, then test, each in the order of its files.
// Spans and views stay valid as long as the corpus. Reading is safe from several threads.
class Corpus {
 public:
  // Verifies the file's checksums and maps it. Throws UserError naming the file when it is missing, no
  // corpus, of another version or damaged.
  static Corpus open(const std::string& path);
  explicit Corpus(File file);

  const CorpusMeta& meta() const { return meta_; }
  int64_t documents() const { return meta_.documents; }
  DocumentRange part(Part part) const;
  const PartFigures& figures(Part part) const { return meta_.parts[static_cast<size_t>(part)]; }

  int32_t length(int64_t document) const {
    return static_cast<int32_t>(offset(document + 1) - offset(document));
  }
  std::span<const int32_t> tokens(int64_t document) const {
    return tokens_.subspan(static_cast<size_t>(offset(document)), static_cast<size_t>(length(document)));
  }
  // Ids of its labels, ascending, in [0, L); those >= K were never seen in training. Empty: unlabelled.
  std::span<const int32_t> classes(int64_t document) const;
  // Those of them below K.
  std::span<const int32_t> known_classes(int64_t document) const;
  int32_t dropped_tokens(int64_t document) const { return dropped_[static_cast<size_t>(document)]; }
  uint64_t fingerprint(int64_t document) const { return fingerprints_[static_cast<size_t>(document)]; }
  Place place(int64_t document) const;

  const std::vector<std::string>& labels() const { return labels_; }  // L names
  // [L] documents of the part that bear each label.
  std::span<const int64_t> class_counts(Part part) const;
  // [V] how often each id stands in the training part; empty for prepare_for_model().
  std::span<const uint64_t> token_counts() const { return token_counts_; }
  std::string_view vocabulary() const;                              // as Vocabulary writes itself
  const std::vector<std::string>& notes() const { return notes_; }  // what the readers had to say

  // Lets the pages read so far leave the resident set; they come back when touched.
  void release_pages() const { map_.release_pages(); }

 private:
  int64_t offset(int64_t document) const { return offsets_[static_cast<size_t>(document)]; }
  template <class T>
  std::span<const T> section(Section section) const;
  std::string_view text(Section section) const;

  MappedFile map_;
  CorpusHeader header_;
  CorpusMeta meta_;
  std::span<const int32_t> tokens_, classes_, dropped_;
  std::span<const int64_t> offsets_, class_offsets_, lines_, class_counts_;
  std::span<const uint64_t> fingerprints_, token_counts_;
  std::span<const FileRun> file_runs_;
  std::vector<std::string> labels_, files_, notes_;
};

// Weights that make every class count alike: documents / (K * count of the class), as scikit-learn's
// "balanced"; 0 for a class without documents. [K], of the training part.
std::vector<float> balanced_class_weights(const Corpus& corpus);

// Share of the part's documents that bear the label most frequent in training: what a constant answer gets
// right. NaN when the part is empty.
double majority_share(const Corpus& corpus, Part part);

// What preparing found, one line each, for people: documents, tokens, labels and everything worth a warning.
std::vector<std::string> describe(const Corpus& corpus);

}  // namespace sluice
