// Several runs that answer together: the mean of their probabilities (soft voting). Each reads texts in its
// own way; their labels are the same.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/program/session.h"

namespace sluice {

struct Voter {
  RunFolder folder;
  TrainedModel model;
};

// RUN and the runs of --with, each in its own configuration with the settings of the command line on top.
// Throws UserError where one is no finished run, or has other labels than RUN.
std::vector<Voter> open_voters(const Arguments& args);

// The votes on a corpus: 8 K bytes a document.
class Votes {
 public:
  Votes(std::int64_t documents, int classes)
      : classes_(static_cast<std::size_t>(classes)), sums_(static_cast<std::size_t>(documents) * classes_) {}

  // The probabilities [K] that one voter gives a document.
  void add(std::int32_t document, std::span<const double> probabilities);
  // The figures of the means, once every voter has voted on every document. options.on_document is told them.
  Metrics count(const Corpus& corpus, bool multi_label, int voters, const EvaluateOptions& options) const;

 private:
  std::size_t classes_;
  std::vector<double> sums_;  // [documents,K]
};

}  // namespace sluice
