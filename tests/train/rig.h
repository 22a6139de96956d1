// A small training in memory: documents, a batch source over them, a classifier and all that a Trainer needs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/models/classifier.h"
#include "engine/optim/optimizer.h"
#include "engine/train/trainer.h"

namespace sluice::test {

struct Document {
  std::vector<int32_t> tokens;
  std::vector<int32_t> classes;
};

// Documents of one class each: `fillers` that say nothing, and words of the class among them. Lengths differ;
// one document is empty where `count` is above 20.
std::vector<Document> topics(int count, int classes, uint64_t seed);
constexpr int kTopicVocabulary = 40;

// Shuffled anew for each pass, `sequences` documents a batch.
class InMemoryBatches : public BatchSource {
 public:
  InMemoryBatches(std::vector<Document> documents, int sequences, Layout layout = Layout::packed,
                  int classes = 0, bool shuffled = true, int bigram_buckets = 0);

  MaxShape max_shape() const override;
  int64_t documents() const override { return static_cast<int64_t>(documents_.size()); }
  void start(int epoch, int64_t skip = 0) override;
  int64_t batches() const override;
  bool next(HostBatch& batch) override;
  PassFigures figures() const override { return figures_; }

 private:
  std::vector<Document> documents_;
  int sequences_;
  Layout layout_;
  int classes_;
  bool shuffled_;
  int bigram_buckets_;
  std::vector<size_t> order_;
  size_t place_ = 0;  // of the next document in order_
  PassFigures figures_;
};

struct RigOptions {
  ModelConfig model;
  LossConfig loss;
  OptimizerConfig optimizer;
  TrainConfig train;
  Device device = Device::cpu;
  int threads = 1;
  std::function<std::unique_ptr<Backend>()> backend;  // in place of that of `device`
  int sequences = 8;                                  // a batch
  bool shuffled = true;
  // In place of the model's own first values: of parameters whose names end so, every value.
  std::vector<std::pair<std::string, double>> first_values;
  std::vector<Document> train_documents, valid_documents;
};

// A little classifier of `topics(48, 3, 1)` with every kind of random mask, two layers and batch norm.
RigOptions topic_options();

// Owns everything; made afresh it is a new process that may resume.
class Rig {
 public:
  explicit Rig(const RigOptions& options, TrainObserver* observer = nullptr,
               TrainRequests* requests = nullptr);

  TrainResult run() { return trainer->run(); }
  std::vector<char> parameters() { return bytes_of(classifier->params().named()); }
  void set_parameters(const std::vector<char>& parameters);  // of another rig like this
  std::vector<char> moments() { return bytes_of(optimizer->state()); }
  std::vector<double> parameter_values();  // f32 or f64
  Metrics evaluate_train();

  std::unique_ptr<Backend> backend;
  std::unique_ptr<InMemoryBatches> train, valid;
  std::unique_ptr<Classifier> classifier;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<Trainer> trainer;

 private:
  void set_first_values(const std::vector<std::pair<std::string, double>>& values);
  std::vector<char> bytes_of(const std::vector<NamedTensor>& tensors);
};

// An empty folder, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace sluice::test
