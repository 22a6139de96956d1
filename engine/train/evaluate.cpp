#include "engine/train/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace sluice {
namespace {

using Row = std::span<const double>;

void check_finite(const HostBatch& batch, const std::vector<double>& probabilities, size_t classes) {
  std::vector<int32_t> broken;
  for (size_t b = 0; b < batch.documents.size(); ++b) {
    const Row row(probabilities.data() + b * classes, classes);
    if (!std::all_of(row.begin(), row.end(), [](double p) { return std::isfinite(p); }))
      broken.push_back(batch.documents[b]);
  }
  if (!broken.empty())
    throw Failure("the model's probabilities are not numbers for {}: its training diverged",
                  list_documents(broken));
}

void score(Scorer& scorer, const HostBatch& batch, size_t b, Row row, const EvaluateOptions& options) {
  const std::vector<std::string> unseen =
      options.unseen_labels ? options.unseen_labels(batch.documents[b]) : std::vector<std::string>{};
  if (batch.classes > 0)
    scorer.add_labels(row, {batch.targets.data() + b * row.size(), row.size()}, unseen);
  else
    scorer.add(row, batch.labels[b], unseen.empty() ? "" : unseen.front());
}

}  // namespace

Metrics evaluate(Classifier& classifier, BatchSource& source, DeviceBatch& device_batch,
                 const EvaluateOptions& options) {
  const auto classes = static_cast<size_t>(classifier.config().classes);
  Scorer scorer(classifier.config().classes, classifier.config().multi_label);
  HostBatch batch;
  source.start(0);
  while (source.next(batch)) {
    const Batch& loaded = device_batch.load(batch);
    classifier.forward(loaded, StepInfo{});
    const std::vector<double> probabilities = classifier.probabilities(loaded);
    check_finite(batch, probabilities, classes);
    for (size_t b = 0; b < batch.documents.size(); ++b) {
      const Row row(probabilities.data() + b * classes, classes);
      score(scorer, batch, b, row, options);
      if (options.on_document) options.on_document(batch.documents[b], row);
    }
  }
  return scorer.metrics();
}

MaxShape larger(const MaxShape& a, const MaxShape& b) {
  return {std::max(a.sequences, b.sequences), std::max(a.steps, b.steps), std::max(a.rows, b.rows),
          std::max(a.distinct, b.distinct), std::max(a.bigrams, b.bigrams)};
}

std::string list_documents(const std::vector<int32_t>& documents) {
  constexpr size_t kNamed = 8;
  const size_t named = std::min(documents.size(), kNamed);
  std::string text =
      fmt::format("document{} {}", documents.size() == 1 ? "" : "s",
                  fmt::join(documents.begin(), documents.begin() + static_cast<ptrdiff_t>(named), ", "));
  if (documents.size() > named) text += fmt::format(" and {} more", documents.size() - named);
  return text;
}

}  // namespace sluice
