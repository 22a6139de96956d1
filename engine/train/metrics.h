// How good predictions are. Each figure equals scikit-learn's for the same documents (names of its functions
// beside them), with the labels as strings and its default zero_division: what is undefined is 0.
//
// Note [Absent and unseen labels]: `unseen` labels are gold labels that training never had; no prediction can
// be right about them, and they are classes of their own in every figure, as they are in scikit-learn where
// they stand in y_true. One label a document: a class that is neither gold nor predicted anywhere is left out
// of the averages (scikit-learn's labels=None). Several labels: every class counts (columns of an indicator).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

struct Scores {
  double precision = 0, recall = 0, f1 = 0;
};

struct ClassScores : Scores {
  std::string unseen;     // name of a label that training never had; "" for the model's own classes
  int64_t support = 0;    // documents with this gold label
  int64_t predicted = 0;  // documents for which it was predicted
};

struct Metrics {
  bool multi_label = false;
  int64_t documents = 0;
  int64_t unseen_documents = 0;  // with at least one unseen gold label
  double accuracy = 0;           // accuracy_score: with several labels, all of them must be right
  // log_loss: probabilities clipped to [eps, 1 - eps], eps = 2^-52; unseen labels have probability 0. Several
  // labels: the mean of the binary log losses of all (document, label) pairs.
  double log_loss = 0;
  Scores micro, macro, weighted, samples;  // precision_recall_fscore_support; samples: multi-label only
  std::vector<ClassScores> classes;        // the model's K classes, then unseen labels by name
  // confusion_matrix, one label a document: how many have (gold, predicted), both indices into `classes`.
  std::map<std::pair<int, int>, int64_t> confusion;

  // "accuracy", "log_loss", or an average and a score: "macro_f1", "weighted_recall". Throws UserError for
  // another name, or for samples_* where documents have one label.
  double value(const std::string& name) const;
};

// The names that Metrics::value() takes.
std::vector<std::string> metric_names(bool multi_label);
// Throws UserError that lists the names when `name` is none of them.
void check_metric_name(const std::string& name, bool multi_label);
// Only a loss is better when lower.
bool higher_is_better(const std::string& name);

// Gathers documents one by one; memory grows with the pairs of labels seen, not with the documents.
class Scorer {
 public:
  Scorer(int classes, bool multi_label) : classes_(classes), multi_label_(multi_label), counts_(classes) {}

  // One label: `gold` in [0, K), or -1 with the name of a label that training never had. The prediction is
  // the most probable class, the first of equals.
  void add(std::span<const double> probabilities, int32_t gold, const std::string& unseen = "");
  // Several labels: targets [K] of 0 and 1, and names beyond them. Predicted: probability > 0.5.
  void add_labels(std::span<const double> probabilities, std::span<const float> targets,
                  std::span<const std::string> unseen = {});

  Metrics metrics() const;

 private:
  struct Counts {
    int64_t support = 0, predicted = 0, right = 0;
  };

  std::vector<ClassScores> class_scores() const;
  void average(Metrics& metrics) const;

  int classes_;
  bool multi_label_;
  std::vector<Counts> counts_;                        // [K]
  std::map<std::string, int64_t> unseen_;             // support by name
  std::map<std::pair<int, int>, int64_t> confusion_;  // both below K
  std::map<std::pair<std::string, int>, int64_t> unseen_confusion_;
  int64_t documents_ = 0, unseen_documents_ = 0, right_ = 0;
  double loss_ = 0;     // sum over documents, and over the model's classes when multi-label
  Scores sample_sums_;  // multi-label
};

}  // namespace sluice
