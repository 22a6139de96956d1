#include "host/data/corpus.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "engine/error.h"
#include "host/readers/byte_source.h"

namespace sluice {
namespace {

// Each name ends in NUL.
std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  for (size_t end; (end = text.find('\0')) != text.npos; text.remove_prefix(end + 1))
    names.emplace_back(text.substr(0, end));
  return names;
}

}  // namespace

std::string_view name_of(Part part) {
  constexpr std::string_view kNames[] = {"train", "valid", "test"};
  return kNames[static_cast<size_t>(part)];
}

Corpus Corpus::open(const std::string& path) {
  check_readable(path);
  return Corpus(File::open_read(path));
}

Corpus::Corpus(File file) : header_(verify_corpus_file(file)) {
  map_ = MappedFile(file);
  const auto meta = section<CorpusMeta>(Section::meta);
  if (meta.size() == 1) meta_ = meta.front();
  tokens_ = section<int32_t>(Section::tokens);
  offsets_ = section<int64_t>(Section::offsets);
  class_offsets_ = section<int64_t>(Section::class_offsets);
  classes_ = section<int32_t>(Section::classes);
  dropped_ = section<int32_t>(Section::dropped);
  lines_ = section<int64_t>(Section::lines);
  fingerprints_ = section<uint64_t>(Section::fingerprints);
  file_runs_ = section<FileRun>(Section::file_runs);
  class_counts_ = section<int64_t>(Section::class_counts);
  token_counts_ = section<uint64_t>(Section::token_counts);
  labels_ = split_names(text(Section::labels));
  files_ = split_names(text(Section::files));
  notes_ = split_names(text(Section::notes));
  const auto documents = static_cast<size_t>(meta_.documents), labels = static_cast<size_t>(meta_.labels);
  const bool sound =
      meta.size() == 1 && tokens_.size() == static_cast<size_t>(meta_.tokens) &&
      offsets_.size() == documents + 1 && dropped_.size() == documents && lines_.size() == documents &&
      fingerprints_.size() == documents && class_counts_.size() == kParts * labels &&
      labels_.size() == labels &&
      (class_offsets_.empty() ? classes_.size() == documents : class_offsets_.size() == documents + 1);
  if (!sound) throw UserError("{} is damaged (sizes of its parts): prepare it again", file.name());
}

template <class T>
std::span<const T> Corpus::section(Section section) const {
  const SectionEntry& entry = header_.sections[static_cast<size_t>(section)];
  return {reinterpret_cast<const T*>(map_.bytes().data() + entry.offset), entry.bytes / sizeof(T)};
}

std::string_view Corpus::text(Section section) const {
  const auto bytes = this->section<char>(section);
  return {bytes.data(), bytes.size()};
}

DocumentRange Corpus::part(Part part) const {
  DocumentRange range;
  for (size_t p = 0; p <= static_cast<size_t>(part); ++p) {
    range.begin = range.end;
    range.end += meta_.parts[p].documents;
  }
  return range;
}

std::span<const int32_t> Corpus::classes(int64_t document) const {
  const auto d = static_cast<size_t>(document);
  if (class_offsets_.empty()) return classes_.subspan(d, 1);
  return classes_.subspan(static_cast<size_t>(class_offsets_[d]),
                          static_cast<size_t>(class_offsets_[d + 1] - class_offsets_[d]));
}

std::span<const int32_t> Corpus::known_classes(int64_t document) const {
  const auto all = classes(document);
  const auto known = std::lower_bound(all.begin(), all.end(), meta_.classes) - all.begin();
  return all.first(static_cast<size_t>(known));
}

Place Corpus::place(int64_t document) const {
  const auto run = std::upper_bound(file_runs_.begin(), file_runs_.end(), document,
                                    [](int64_t d, const FileRun& r) { return d < r.first_document; });
  SLUICE_CHECK(run != file_runs_.begin(), "document {} has no file", document);
  return {files_.at(static_cast<size_t>(std::prev(run)->file)), lines_[static_cast<size_t>(document)]};
}

std::span<const int64_t> Corpus::class_counts(Part part) const {
  const auto labels = static_cast<size_t>(meta_.labels);
  return class_counts_.subspan(static_cast<size_t>(part) * labels, labels);
}

std::string_view Corpus::vocabulary() const {
  return text(Section::vocabulary);
}

std::vector<float> balanced_class_weights(const Corpus& corpus) {
  const auto counts = corpus.class_counts(Part::train).first(static_cast<size_t>(corpus.meta().classes));
  std::vector<float> weights;
  for (const int64_t count : counts) {
    const double even = static_cast<double>(corpus.figures(Part::train).documents) / corpus.meta().classes;
    weights.push_back(count == 0 ? 0.0f : static_cast<float>(even / static_cast<double>(count)));
  }
  return weights;
}

double majority_share(const Corpus& corpus, Part part) {
  const int64_t documents = corpus.figures(part).documents;
  const auto train = corpus.class_counts(Part::train);
  if (documents == 0 || train.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto majority = std::max_element(train.begin(), train.end()) - train.begin();
  return static_cast<double>(corpus.class_counts(part)[static_cast<size_t>(majority)]) /
         static_cast<double>(documents);
}

}  // namespace sluice
