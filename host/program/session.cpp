#include "host/program/session.h"

#include <fmt/core.h>

#include <thread>

#include "engine/error.h"
#include "engine/train/safetensors.h"
#include "host/data/cache.h"

namespace sluice {

PrepareRun prepare_run(const Config& config) {
  PrepareRun run;
  run.threads = config.train.threads > 0 ? config.train.threads
                                         : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return run;
}

Corpus prepare_corpus(const Arguments& args, const Config& config, Console& console) {
  PrepareOptions options;
  options.train = args.train;
  options.valid = args.valid;
  options.test = args.test;
  options.reader = config.data;
  options.text = config.text;
  options.min_count = config.text.min_count;
  options.max_vocabulary = config.text.max_vocabulary;
  options.valid_share = config.data.valid_share;
  options.seed = static_cast<std::uint64_t>(config.data.split_seed);
  PrepareRun run = prepare_run(config);
  run.progress = [&](std::int64_t documents) { console.status(fmt::format("{} documents read", documents)); };
  Corpus corpus = prepare_cached(options, run, [&](const std::string& note) { console.warn(note); }).corpus;
  console.clear_bar();
  return corpus;
}

std::unique_ptr<Backend> make_backend(const Config& config, std::string* why_not_cuda) {
  return make_backend(BackendOptions{.device = config.train.device.kind,
                                     .index = config.train.device.index,
                                     .threads = config.train.threads},
                      why_not_cuda);
}

BatchOptions evaluation_batches(const Config& config) {
  BatchOptions options = config.batch;
  options.order = BatchOrder::by_length;
  options.bigram_buckets = config.model.bigram_buckets;
  return options;
}

EvaluateOptions unseen_labels_of(const Corpus& corpus) {
  EvaluateOptions options;
  options.unseen_labels = [&corpus](std::int32_t document) {
    std::vector<std::string> names;
    for (const std::int32_t label : corpus.classes(document)) {
      if (label >= corpus.meta().classes) names.push_back(corpus.labels()[static_cast<std::size_t>(label)]);
    }
    return names;
  };
  return options;
}

TrainedModel open_run(const RunFolder& folder, const Config& config) {
  folder.check_has_model();
  TrainedModel model;
  model.config = config;
  model.encoding.text = config.text;
  model.encoding.vocabulary = folder.read_vocabulary();
  model.encoding.labels = folder.read_labels();
  model.encoding.multi_label = config.model.loss == Loss::sigmoid;
  ModelConfig& shape = model.config.model;
  shape.vocabulary = model.encoding.vocabulary.size();
  shape.classes = static_cast<int>(model.encoding.labels.size());
  shape.multi_label = model.encoding.multi_label;
  model.backend = make_backend(config);
  return model;
}

void TrainedModel::load(const RunFolder& folder, const MaxShape& max) {
  classifier.reset();  // its memory first
  classifier = std::make_unique<Classifier>(config.model, LossConfig{}, *backend);
  classifier->allocate(max, 0, false, 1);
  const SafetensorsFile file(folder.model(), SafetensorsFile::Origin::ours);
  for (const NamedTensor& parameter : classifier->params().named()) {
    file.read(parameter.name, parameter.tensor, *backend);
  }
  classifier->params().refresh();
}

}  // namespace sluice
