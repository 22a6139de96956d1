// What preparing found, for people.
#include <fmt/format.h>

#include "host/data/corpus.h"

namespace sluice {
namespace {

// "3 labels", "1 label"
std::string counted(int64_t n, const char* one, const char* many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

std::string documents(int64_t n) {
  return counted(n, "document", "documents");
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
      documents(f.unknown_labels) + " with a label that training never had: these count as wrong");
  say(f.in_train, fmt::format("{} with the same tokens as a training document", documents(f.in_train)));
}

void describe_labels(const Corpus& corpus, std::vector<std::string>& lines) {
  const auto train = corpus.class_counts(Part::train), valid = corpus.class_counts(Part::valid),
             test = corpus.class_counts(Part::test);
  lines.push_back(fmt::format(
      "{}{}; documents of each in train / valid / test:", counted(corpus.meta().classes, "label", "labels"),
      corpus.meta().multi_label ? ", several a document" : ""));
  for (size_t k = 0; k < corpus.labels().size(); ++k) {
    lines.push_back(
        fmt::format("  {}  {} / {} / {}{}", corpus.labels()[k], train[k], valid[k], test[k],
                    static_cast<int32_t>(k) < corpus.meta().classes ? "" : "  (not in training)"));
  }
}

}  // namespace

std::vector<std::string> describe(const Corpus& corpus) {
  std::vector<std::string> lines = corpus.notes();
  for (size_t p = 0; p < kParts; ++p) describe_part(corpus, static_cast<Part>(p), lines);
  if (corpus.part(Part::train).size() == 0) return lines;  // made for a trained model
  lines.push_back(fmt::format("vocabulary: {} of {} distinct tokens, with <unk>", corpus.meta().vocabulary,
                              corpus.meta().types));
  describe_labels(corpus, lines);
  return lines;
}

}  // namespace sluice
