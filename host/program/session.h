// What several commands begin with: a prepared corpus, a backend, a trained model.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/models/classifier.h"
#include "engine/train/evaluate.h"
#include "host/data/corpus.h"
#include "host/data/corpus_batches.h"
#include "host/data/prepare.h"
#include "host/program/command_line.h"
#include "host/program/config.h"
#include "host/program/console.h"
#include "host/program/run_folder.h"

namespace sluice {

// The corpus of --train, --valid and --test, from the cache or made now.
Corpus prepare_corpus(const Arguments& args, const Config& config, Console& console);

PrepareRun prepare_run(const Config& config);

// `why_not_cuda`: as engine/backend.h has it.
std::unique_ptr<Backend> make_backend(const Config& config, std::string* why_not_cuda = nullptr);

// Batches for evaluation: documents sorted by length within windows.
BatchOptions evaluation_batches(const Config& config);

// The labels of a document that training never had.
EvaluateOptions unseen_labels_of(const Corpus& corpus);

// A trained model, ready for batches up to a shape.
struct TrainedModel {
  Config config;
  TrainedEncoding encoding;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Classifier> classifier;

  // K of a batch's targets; 0 where labels alone will do.
  int target_classes() const { return encoding.multi_label ? static_cast<int>(encoding.labels.size()) : 0; }
  // Makes the classifier and reads its parameters. Throws UserError for a damaged model file.
  void load(const RunFolder& folder, const MaxShape& max);
};

// All of it but the parameters. Throws UserError where the folder is no finished run.
TrainedModel open_run(const RunFolder& folder, const Config& config);

}  // namespace sluice
