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

}  // namespace

void predict_command(const Arguments& args) {
  const RunFolder folder(args.run);
  const Config config = make_config(args);
  Predictor predictor(folder, open_run(folder, config));
  const TrainedEncoding& encoding = predictor.model().encoding;
  ReaderOptions reader = config.data;
  reader.labels_required = false;
  const bool prompt = may_wait_for_answers(args.input);
  TextQueue queue(open_documents({args.input}, reader), config.text, encoding.vocabulary, prompt);
  for (auto texts = queue.take(); !texts.empty(); texts = queue.take()) {
    for (const std::vector<double>& probabilities : predictor.probabilities(texts)) {
      const std::string line = prediction_line(probabilities, encoding, args);
      std::fwrite(line.data(), 1, line.size(), stdout);
    }
    if (prompt) std::fflush(stdout);
    if (std::ferror(stdout)) throw Failure("cannot write to standard output");
  }
}

}  // namespace sluice
