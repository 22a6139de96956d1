#include "host/data/draft.h"

#include <algorithm>
#include <utility>

#include "engine/error.h"
#include "host/text/vocabulary.h"

namespace sluice {
namespace {

// Which fingerprints of held-out documents also stand in training.
class TrainingTwins {
 public:
  explicit TrainingTwins(std::vector<uint64_t> held_out) : held_out_(std::move(held_out)) {
    std::sort(held_out_.begin(), held_out_.end());
    held_out_.erase(std::unique(held_out_.begin(), held_out_.end()), held_out_.end());
    in_train_.assign(held_out_.size(), false);
  }
  void see_training(uint64_t fingerprint) {
    if (const size_t i = index_of(fingerprint); i < held_out_.size()) in_train_[i] = true;
  }
  bool in_train(uint64_t fingerprint) const {
    const size_t i = index_of(fingerprint);
    return i < held_out_.size() && in_train_[i];
  }

 private:
  size_t index_of(uint64_t fingerprint) const {
    const auto at = std::lower_bound(held_out_.begin(), held_out_.end(), fingerprint);
    const bool found = at != held_out_.end() && *at == fingerprint;
    return found ? static_cast<size_t>(at - held_out_.begin()) : held_out_.size();
  }

  std::vector<uint64_t> held_out_;
  std::vector<bool> in_train_;
};

class DraftWriter {
 public:
  DraftWriter(Draft& draft, File& out) : draft_(draft), writer_(out), twins_(std::move(draft.held_out)) {}

  void write() {
    sum_up();
    reserve();
    for (size_t p = 0; p < kParts; ++p) write_part(static_cast<Part>(p));
    writer_.append_value(Section::offsets, tokens_);
    if (!draft_.one_label_each) writer_.append_value(Section::class_offsets, classes_);
    write_tables();
    writer_.finish();
  }

 private:
  void sum_up() {
    meta_.types = draft_.types;
    meta_.vocabulary = draft_.vocabulary_size;
    meta_.classes = draft_.classes;
    meta_.labels = draft_.labels.size();
    meta_.multi_label = draft_.multi_label ? 1 : 0;
    for (const DraftPart& part : draft_.parts) {
      meta_.documents += part.figures.documents;
      meta_.tokens += part.figures.tokens;
      class_total_ += part.records.classes();
    }
    SLUICE_CHECK(meta_.documents <= INT32_MAX, "{} documents: a corpus holds 2147483647 at most",
                 meta_.documents);
  }

  void reserve() {
    const auto documents = static_cast<uint64_t>(meta_.documents);
    writer_.reserve(Section::meta, sizeof(CorpusMeta));
    writer_.reserve(Section::tokens, static_cast<uint64_t>(meta_.tokens) * sizeof(int32_t));
    writer_.reserve(Section::offsets, (documents + 1) * sizeof(int64_t));
    writer_.reserve(Section::class_offsets, draft_.one_label_each ? 0 : (documents + 1) * sizeof(int64_t));
    writer_.reserve(Section::classes, static_cast<uint64_t>(class_total_) * sizeof(int32_t));
    writer_.reserve(Section::dropped, documents * sizeof(int32_t));
    writer_.reserve(Section::lines, documents * sizeof(int64_t));
    writer_.reserve(Section::fingerprints, documents * sizeof(uint64_t));
    class_counts_.assign(kParts * static_cast<size_t>(meta_.labels), 0);
  }

  void write_part(Part p) {
    DraftPart& part = draft_.part(p);
    int64_t* counts = class_counts_.data() + static_cast<size_t>(p) * static_cast<size_t>(meta_.labels);
    Record record;
    for (part.records.rewind(); part.records.next(record); ++documents_) {
      if (part.provisional)
        for (int32_t& token : record.tokens) token = draft_.token_ids[static_cast<size_t>(token)];
      for (int32_t& label : record.classes) {
        label = draft_.label_ids[static_cast<size_t>(label)];
        ++counts[label];
      }
      std::sort(record.classes.begin(), record.classes.end());
      part.figures.unknown_tokens +=
          std::count(record.tokens.begin(), record.tokens.end(), Vocabulary::kUnknownId);
      if (p == Part::train)
        twins_.see_training(record.head.fingerprint);
      else if (twins_.in_train(record.head.fingerprint))
        ++part.figures.in_train;
      write_document(record);
    }
    meta_.parts[static_cast<size_t>(p)] = part.figures;
  }

  void write_document(const Record& record) {
    writer_.append(Section::tokens, std::span<const int32_t>(record.tokens));
    writer_.append_value(Section::offsets, tokens_);
    if (!draft_.one_label_each) writer_.append_value(Section::class_offsets, classes_);
    writer_.append(Section::classes, std::span<const int32_t>(record.classes));
    writer_.append_value(Section::dropped, record.head.dropped);
    writer_.append_value(Section::lines, record.head.line);
    writer_.append_value(Section::fingerprints, record.head.fingerprint);
    if (file_runs_.empty() || file_runs_.back().file != record.head.file)
      file_runs_.push_back({documents_, record.head.file});
    tokens_ += record.head.tokens;
    classes_ += record.head.classes;
  }

  void write_tables() {
    std::vector<std::string> labels(static_cast<size_t>(meta_.labels));
    for (int32_t i = 0; i < meta_.labels; ++i)
      labels[static_cast<size_t>(draft_.label_ids[static_cast<size_t>(i)])] = draft_.labels[i];
    const auto lines = [](const std::vector<std::string>& names) {
      std::string text;
      for (const std::string& name : names) (text += name) += '\0';
      return text;
    };
    writer_.append_value(Section::meta, meta_);
    writer_.reserve(Section::file_runs, file_runs_.size() * sizeof(FileRun));
    writer_.append(Section::file_runs, std::span<const FileRun>(file_runs_));
    writer_.reserve(Section::class_counts, class_counts_.size() * sizeof(int64_t));
    writer_.append(Section::class_counts, std::span<const int64_t>(class_counts_));
    writer_.reserve(Section::token_counts, draft_.token_counts.size() * sizeof(uint64_t));
    writer_.append(Section::token_counts, std::span<const uint64_t>(draft_.token_counts));
    writer_.write(Section::labels, lines(labels));
    writer_.write(Section::files, lines(draft_.files));
    writer_.write(Section::notes, lines(draft_.notes));
    writer_.write(Section::vocabulary, draft_.vocabulary);
  }

  Draft& draft_;
  CorpusFileWriter writer_;
  CorpusMeta meta_;
  TrainingTwins twins_;
  std::vector<FileRun> file_runs_;
  std::vector<int64_t> class_counts_;
  int64_t documents_ = 0, tokens_ = 0, classes_ = 0;  // written
  int64_t class_total_ = 0;                           // to be written
};

}  // namespace

void write_corpus(Draft& draft, File& out) {
  DraftWriter(draft, out).write();
}

}  // namespace sluice
