#include "host/program/vote.h"

#include <algorithm>

#include "engine/error.h"

namespace sluice {
namespace {

Voter open_voter(Arguments args, const std::string& run) {
  args.run = run;
  RunFolder folder(run);
  TrainedModel model = open_run(folder, make_config(args));
  return {std::move(folder), std::move(model)};
}

void check_labels(const Voter& first, const Voter& other) {
  const TrainedEncoding &ours = first.model.encoding, &theirs = other.model.encoding;
  if (ours.labels == theirs.labels && ours.multi_label == theirs.multi_label) return;
  const auto differs =
      std::mismatch(ours.labels.begin(), ours.labels.end(), theirs.labels.begin(), theirs.labels.end());
  const auto name = [](auto place, const std::vector<std::string>& labels) {
    return place == labels.end() ? "none" : "'" + *place + "'";
  };
  if (ours.labels == theirs.labels)
    throw UserError("--with {}: model.loss is not that of {}; give runs of the same loss",
                    other.folder.path(), first.folder.path());
  throw UserError("--with {}: its label {} is {} where {} has {}; give runs trained on the same labels",
                  other.folder.path(), differs.first - ours.labels.begin() + 1,
                  name(differs.second, theirs.labels), first.folder.path(), name(differs.first, ours.labels));
}

}  // namespace

std::vector<Voter> open_voters(const Arguments& args) {
  std::vector<Voter> voters;
  voters.push_back(open_voter(args, args.run));
  for (const std::string& run : args.with) {
    voters.push_back(open_voter(args, run));
    check_labels(voters.front(), voters.back());
  }
  return voters;
}

void Votes::add(std::int32_t document, std::span<const double> probabilities) {
  double* sums = sums_.data() + static_cast<std::size_t>(document) * classes_;
  for (std::size_t k = 0; k < classes_; ++k) sums[k] += probabilities[k];
}

Metrics Votes::count(const Corpus& corpus, bool multi_label, int voters,
                     const EvaluateOptions& options) const {
  Scorer scorer(static_cast<int>(classes_), multi_label);
  std::vector<double> row(classes_);
  for (std::int32_t document = 0; document < corpus.documents(); ++document) {
    const double* sums = sums_.data() + static_cast<std::size_t>(document) * classes_;
    for (std::size_t k = 0; k < classes_; ++k) row[k] = sums[k] / voters;
    const std::span<const std::int32_t> gold = corpus.known_classes(document);
    const std::vector<std::string> unseen = options.unseen_labels(document);
    if (multi_label) {
      std::vector<float> targets(classes_, 0.0f);
      for (const std::int32_t k : gold) targets[static_cast<std::size_t>(k)] = 1;
      scorer.add_labels(row, targets, unseen);
    } else {
      scorer.add(row, gold.empty() ? -1 : gold.front(), unseen.empty() ? "" : unseen.front());
    }
    if (options.on_document) options.on_document(document, row);
  }
  return scorer.metrics();
}

}  // namespace sluice
