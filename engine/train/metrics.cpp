#include "engine/train/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/error.h"

namespace sluice {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

double log_loss_of(double probability) {
  return -std::log(std::clamp(probability, kEpsilon, 1 - kEpsilon));
}

double ratio(double part, double whole) {
  return whole == 0 ? 0 : part / whole;
}

double ratio(int64_t part, int64_t whole) {
  return ratio(static_cast<double>(part), static_cast<double>(whole));
}

// F1 from the counts, not from precision and recall: 2 right / (support + predicted).
Scores score(int64_t support, int64_t predicted, int64_t right) {
  return {ratio(right, predicted), ratio(right, support), ratio(2 * right, support + predicted)};
}

void accumulate(Scores& sum, const Scores& scores, double weight) {
  sum.precision += weight * scores.precision;
  sum.recall += weight * scores.recall;
  sum.f1 += weight * scores.f1;
}

Scores divided(const Scores& sum, double by) {
  return {ratio(sum.precision, by), ratio(sum.recall, by), ratio(sum.f1, by)};
}

}  // namespace

void Scorer::add(std::span<const double> probabilities, int32_t gold, const std::string& unseen) {
  const auto best = std::max_element(probabilities.begin(), probabilities.end());
  const auto predicted = static_cast<int>(best - probabilities.begin());
  ++documents_;
  ++counts_[static_cast<size_t>(predicted)].predicted;
  if (gold < 0) {
    ++unseen_documents_;
    ++unseen_[unseen];
    ++unseen_confusion_[{unseen, predicted}];
    loss_ += log_loss_of(0);
    return;
  }
  ++counts_[static_cast<size_t>(gold)].support;
  ++confusion_[{gold, predicted}];
  loss_ += log_loss_of(probabilities[static_cast<size_t>(gold)]);
  if (gold != predicted) return;
  ++counts_[static_cast<size_t>(gold)].right;
  ++right_;
}

void Scorer::add_labels(std::span<const double> probabilities, std::span<const float> targets,
                        std::span<const std::string> unseen) {
  auto support = static_cast<int64_t>(unseen.size());
  int64_t predicted = 0, right = 0;
  for (size_t k = 0; k < counts_.size(); ++k) {
    const bool is = targets[k] > 0.5f, said = probabilities[k] > 0.5;
    counts_[k].support += is;
    counts_[k].predicted += said;
    counts_[k].right += is && said;
    support += is;
    predicted += said;
    right += is && said;
    loss_ += log_loss_of(is ? probabilities[k] : 1 - probabilities[k]);
  }
  for (const std::string& name : unseen) ++unseen_[name];
  ++documents_;
  unseen_documents_ += !unseen.empty();
  right_ += right == support && right == predicted;
  accumulate(sample_sums_, score(support, predicted, right), 1);
}

std::vector<ClassScores> Scorer::class_scores() const {
  std::vector<ClassScores> result;
  for (const Counts& c : counts_)
    result.push_back({score(c.support, c.predicted, c.right), "", c.support, c.predicted});
  for (const auto& [name, support] : unseen_) result.push_back({Scores{}, name, support, 0});
  return result;
}

void Scorer::average(Metrics& metrics) const {
  Scores macro, weighted;
  int64_t present = 0, support = 0, predicted = 0, right = 0;
  for (const ClassScores& c : metrics.classes) {
    support += c.support;
    predicted += c.predicted;
    if (!multi_label_ && c.support == 0 && c.predicted == 0) continue;
    ++present;
    accumulate(macro, c, 1);
    accumulate(weighted, c, static_cast<double>(c.support));
  }
  for (const Counts& c : counts_) right += c.right;
  metrics.macro = divided(macro, static_cast<double>(present));
  metrics.weighted = divided(weighted, static_cast<double>(support));
  metrics.micro = score(support, predicted, right);
  metrics.samples = divided(sample_sums_, static_cast<double>(documents_));
}

Metrics Scorer::metrics() const {
  Metrics metrics;
  metrics.multi_label = multi_label_;
  metrics.documents = documents_;
  metrics.unseen_documents = unseen_documents_;
  metrics.accuracy = ratio(right_, documents_);
  metrics.classes = class_scores();
  average(metrics);

  double loss = loss_;
  auto terms = static_cast<double>(documents_);
  if (multi_label_) {  // a column for each unseen label, where the model says 0
    for (const auto& [name, support] : unseen_)
      loss += static_cast<double>(support) * log_loss_of(0) +
              static_cast<double>(documents_ - support) * log_loss_of(1);
    terms *= static_cast<double>(metrics.classes.size());
  }
  metrics.log_loss = ratio(loss, terms);

  metrics.confusion = confusion_;
  for (const auto& [pair, count] : unseen_confusion_) {
    const auto place = std::distance(unseen_.begin(), unseen_.find(pair.first));
    metrics.confusion[{classes_ + static_cast<int>(place), pair.second}] = count;
  }
  return metrics;
}

double Metrics::value(const std::string& name) const {
  check_metric_name(name, multi_label);
  if (name == "accuracy") return accuracy;
  if (name == "log_loss") return log_loss;
  const size_t cut = name.find('_');
  const std::string average = name.substr(0, cut), what = name.substr(cut + 1);
  const Scores& scores = average == "micro"      ? micro
                         : average == "macro"    ? macro
                         : average == "weighted" ? weighted
                                                 : samples;
  return what == "precision" ? scores.precision : what == "recall" ? scores.recall : scores.f1;
}

std::vector<std::string> metric_names(bool multi_label) {
  std::vector<std::string> names = {"accuracy", "log_loss"};
  for (const char* average : {"micro", "macro", "weighted", "samples"}) {
    if (!multi_label && std::string(average) == "samples") continue;
    for (const char* what : {"f1", "precision", "recall"})
      names.push_back(fmt::format("{}_{}", average, what));
  }
  return names;
}

void check_metric_name(const std::string& name, bool multi_label) {
  const std::vector<std::string> names = metric_names(multi_label);
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw UserError("no metric is called '{}': take one of {}", name, fmt::join(names, ", "));
}

bool higher_is_better(const std::string& name) {
  return name != "log_loss";
}

}  // namespace sluice
