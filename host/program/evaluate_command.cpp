// sluice evaluate: how well a run does on labelled documents.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "engine/file.h"
#include "host/program/commands.h"
#include "host/program/prediction.h"
#include "host/program/report.h"
#include "host/program/vote.h"

namespace sluice {
namespace {

// What was predicted for each document, in the order of the files; batches come in another one.
class Predictions {
 public:
  Predictions(const Corpus& corpus, const TrainedEncoding& encoding)
      : corpus_(corpus), encoding_(encoding), rows_(static_cast<std::size_t>(corpus.documents())) {}

  void add(std::int32_t document, std::span<const double> probabilities) {
    Row& row = rows_[static_cast<std::size_t>(document)];
    for (const int label : chosen_labels(probabilities, encoding_.multi_label, 0)) {
      if (!row.labels.empty()) row.labels += '|';
      row.labels += encoding_.labels[static_cast<std::size_t>(label)];
    }
    row.probability = *std::max_element(probabilities.begin(), probabilities.end());
  }

  // Columns label, prediction, probability (of the likeliest label); several labels stand between bars.
  void write(File& file) const {
    std::string text = "label\tprediction\tprobability\n";
    for (std::size_t d = 0; d < rows_.size(); ++d) {
      std::vector<std::string> gold;
      for (const std::int32_t label : corpus_.classes(static_cast<std::int64_t>(d))) {
        gold.push_back(corpus_.labels()[static_cast<std::size_t>(label)]);
      }
      text += fmt::format("{}\t{}\t{:.6f}\n", fmt::join(gold, "|"), rows_[d].labels, rows_[d].probability);
      if (text.size() < kBlock && d + 1 < rows_.size()) continue;
      file.append(text.data(), text.size());
      text.clear();
    }
  }

 private:
  static constexpr std::size_t kBlock = 1 << 16;
  struct Row {
    std::string labels;
    double probability = 0;
  };
  const Corpus& corpus_;
  const TrainedEncoding& encoding_;
  std::vector<Row> rows_;
};

// Opened before the work begins, so that a wrong path is told at once.
std::unique_ptr<TemporaryFile> open_output(const std::string& path) {
  if (path.empty()) return nullptr;
  check_replaceable(path);
  return std::make_unique<TemporaryFile>(folder_of(path));
}

Corpus corpus_of(const Arguments& args, const TrainedModel& model, Console& console) {
  Corpus corpus = prepare_for_model(args.data, model.config.data, model.encoding, prepare_run(model.config));
  for (const std::string& line : describe(corpus)) console.line(line);
  return corpus;
}

Metrics evaluate_alone(Voter& voter, const Corpus& corpus, const EvaluateOptions& options) {
  TrainedModel& model = voter.model;
  CorpusBatches batches(corpus, Part::test, evaluation_batches(model.config), model.config.batch.layout);
  model.load(voter.folder, batches.max_shape());
  DeviceBatch device_batch(*model.backend, batches.max_shape(), model.config.batch.layout,
                           model.target_classes());
  Metrics metrics = evaluate(*model.classifier, batches, device_batch, options);
  model.classifier.reset();  // its memory, for the next voter
  return metrics;
}

// `corpus`: as the first voter reads it.
Metrics evaluate_votes(const Arguments& args, std::vector<Voter>& voters, const Corpus& corpus,
                       const EvaluateOptions& options, Console& console) {
  Votes votes(corpus.documents(), voters.front().model.config.model.classes);
  const EvaluateOptions vote = {
      .on_document = [&](std::int32_t document, std::span<const double> probabilities) {
        votes.add(document, probabilities);
      }};
  evaluate_alone(voters.front(), corpus, vote);
  for (std::size_t v = 1; v < voters.size(); ++v)
    evaluate_alone(voters[v], corpus_of(args, voters[v].model, console), vote);
  return votes.count(corpus, voters.front().model.config.model.multi_label, static_cast<int>(voters.size()),
                     options);
}

}  // namespace

void evaluate_command(const Arguments& args) {
  Console console(args.quiet);
  std::vector<Voter> voters = open_voters(args);
  if (voters.size() > 1 && std::find(args.data.begin(), args.data.end(), "-") != args.data.end())
    throw UserError("--with: standard input can be read for one run only; give --data a file");
  const TrainedModel& model = voters.front().model;
  const auto json_file = open_output(args.json_file), predictions_file = open_output(args.predictions);
  const Corpus corpus = corpus_of(args, model, console);
  EvaluateOptions options = unseen_labels_of(corpus);
  Predictions predictions(corpus, model.encoding);
  if (predictions_file) {
    options.on_document = [&](std::int32_t document, std::span<const double> probabilities) {
      predictions.add(document, probabilities);
    };
  }
  const Metrics metrics = voters.size() > 1 ? evaluate_votes(args, voters, corpus, options, console)
                                            : evaluate_alone(voters.front(), corpus, options);
  fmt::print("{}", to_table(metrics, model.encoding.labels));
  if (predictions_file) {
    predictions.write(predictions_file->file());
    predictions_file->rename_to(args.predictions);
  }
  if (json_file) {
    const std::string json = to_json(metrics, model.encoding.labels);
    json_file->file().append(json.data(), json.size());
    json_file->rename_to(args.json_file);
  }
}

}  // namespace sluice
