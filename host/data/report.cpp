// What preparing found, for people.
#include <fmt/format.h>

#include <algorithm>

#include "host/data/corpus.h"
#include "host/readers/words.h"

namespace sluice {
namespace {

// "3 labels", "1 label"
std::string counted(int64_t n, const char* one, const char* many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

std::string documents(int64_t n) {
  return counted(n, "document", "documents");
}

// Those that the part has and training has not.
std::vector<std::string> strange_labels(const Corpus& corpus, Part part) {
  const auto counts = corpus.class_counts(part);
  std::vector<std::string> names;
  for (auto k = static_cast<size_t>(corpus.meta().classes); k < counts.size(); ++k)
    if (counts[k] > 0) names.push_back(corpus.labels()[k]);
  return names;
}

void describe_part(const Corpus& corpus, Part part, std::vector<std::string>& lines) {
  const PartFigures& f = corpus.figures(part);
  const std::string_view name = name_of(part);
  if (f.documents == 0 && f.rows_skipped == 0) return;
  const double share =
      f.tokens == 0 ? 0.0 : 100.0 * static_cast<double>(f.unknown_tokens) / static_cast<double>(f.tokens);
  lines.push_back(fmt::format("{}: {}, {}, {:.2f}% of them <unk>", name, documents(f.documents),
                              counted(f.tokens, "token", "tokens"), share));
  const auto say = [&](int64_t count, const std::string& line) {
    if (count > 0) lines.push_back(fmt::format("{}: {}", name, line));
  };
  say(f.empty_documents, documents(f.empty_documents) + " without any token (legal)");
  say(f.truncated_documents,
      fmt::format("{} longer than text.max_tokens: about {} cut off", documents(f.truncated_documents),
                  counted(f.dropped_tokens, "token", "tokens")));
  say(f.texts_cut,
      counted(f.texts_cut, "text", "texts") + " over data.max_document_bytes: the rest was not read");
  say(f.rows_skipped, counted(f.rows_skipped, "bad row", "bad rows") + " skipped (data.bad_rows = skip)");
  say(f.rows_replaced, fmt::format("bytes that are not UTF-8 replaced in {} (data.bad_rows = replace)",
                                   counted(f.rows_replaced, "row", "rows")));
  say(f.unknown_labels,
      fmt::format("{} with a label that training never had ({}): these count as wrong",
                  documents(f.unknown_labels), list_in_quotes(strange_labels(corpus, part))));
  say(f.in_train, fmt::format("{} with the same tokens as a training document", documents(f.in_train)));
}

// A table: a column for each part that has documents.
void describe_labels(const Corpus& corpus, std::vector<std::string>& lines) {
  constexpr size_t kMostLabels = 200;
  const auto row = [&](const auto& cell) {
    std::string text;
    for (size_t p = 0; p < kParts; ++p) {
      if (corpus.meta().parts[p].documents > 0) text += fmt::format("{:>9}", cell(static_cast<Part>(p)));
    }
    return text;
  };
  lines.push_back(fmt::format("{}{}", counted(corpus.meta().classes, "label", "labels"),
                              corpus.meta().multi_label ? ", several a document" : ""));
  lines.push_back(row([](Part part) { return name_of(part); }) + "  documents");
  const size_t labels = corpus.labels().size();
  for (size_t k = 0; k < std::min(labels, kMostLabels); ++k)
    lines.push_back(row([&](Part part) { return corpus.class_counts(part)[k]; }) + "  " + corpus.labels()[k]);
  if (labels > kMostLabels) lines.push_back(fmt::format("  ... and {} labels more", labels - kMostLabels));
}

}  // namespace

std::vector<std::string> describe(const Corpus& corpus) {
  std::vector<std::string> lines = corpus.notes();
  for (size_t p = 0; p < kParts; ++p) describe_part(corpus, static_cast<Part>(p), lines);
  if (corpus.part(Part::train).size() == 0) return lines;  // made for a trained model
  // Without training files the vocabulary is a trained model's.
  if (corpus.meta().types > 0)
    lines.push_back(fmt::format("vocabulary: {} rows, of {} distinct tokens in train",
                                corpus.meta().vocabulary, corpus.meta().types));
  describe_labels(corpus, lines);
  return lines;
}

}  // namespace sluice
