// sluice predict: one line a text, label<TAB>probability, in the order of the texts.
#include <fmt/core.h>
#include <sys/stat.h>

#include <cstdio>

#include "engine/error.h"
#include "host/program/commands.h"
#include "host/program/prediction.h"
#include "host/program/report.h"

namespace sluice {
namespace {

// A file is all there already; a terminal or a pipe may be waiting for an answer.
bool may_wait_for_answers(const std::string& input) {
  struct stat status = {};
  return input == "-" && fstat(0, &status) == 0 && !S_ISREG(status.st_mode);
}

std::string prediction_line(std::span<const double> probabilities, const TrainedEncoding& encoding,
                            const Arguments& args) {
  std::vector<std::pair<std::string, double>> prediction;
  for (const int label : chosen_labels(probabilities, encoding.multi_label, args.top)) {
    const auto index = static_cast<std::size_t>(label);
    prediction.emplace_back(encoding.labels[index], probabilities[index]);
  }
  if (args.json) return prediction_json(prediction, encoding.multi_label) + '\n';
  std::string line;
  for (const auto& [label, probability] : prediction) {
    line += fmt::format("{}{}\t{:.6f}", line.empty() ? "" : "\t", label, probability);
  }
  return line + '\n';
}

// [texts][K]
std::vector<std::vector<double>> mean_probabilities(std::vector<Predictor>& predictors,
                                                    std::span<const TextQueue::Text> texts) {
  std::vector<std::vector<double>> means = predictors.front().probabilities(texts, 0);
  if (predictors.size() == 1) return means;
  for (std::size_t m = 1; m < predictors.size(); ++m) {
    const std::vector<std::vector<double>> votes = predictors[m].probabilities(texts, m);
    for (std::size_t t = 0; t < means.size(); ++t)
      for (std::size_t k = 0; k < means[t].size(); ++k) means[t][k] += votes[t][k];
  }
  for (std::vector<double>& row : means)
    for (double& p : row) p /= static_cast<double>(predictors.size());
  return means;
}

}  // namespace

void predict_command(const Arguments& args) {
  std::vector<Predictor> predictors;
  for (Voter& voter : open_voters(args)) predictors.emplace_back(std::move(voter));
  std::vector<const TrainedEncoding*> encodings;
  for (const Predictor& predictor : predictors) encodings.push_back(&predictor.model().encoding);
  ReaderOptions reader = predictors.front().model().config.data;
  reader.labels_required = false;
  const bool prompt = may_wait_for_answers(args.input);
  TextQueue queue(open_documents({args.input}, reader), encodings, prompt);
  for (auto texts = queue.take(); !texts.empty(); texts = queue.take()) {
    for (const std::vector<double>& probabilities : mean_probabilities(predictors, texts)) {
      const std::string line = prediction_line(probabilities, *encodings.front(), args);
      std::fwrite(line.data(), 1, line.size(), stdout);
    }
    if (prompt) std::fflush(stdout);
    if (std::ferror(stdout)) throw Failure("cannot write to standard output");
  }
}

}  // namespace sluice
